"""Writes a study's result: report.html, preferences.csv, figure.png."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vmas_pipeline.evaluation.page import write_page
from vmas_pipeline.media import whole_file
from vmas_pipeline.study.analyse import Analysis, Comparison
from vmas_pipeline.study.config import QUESTIONS
from vmas_pipeline.study.figure import TITLES, plot_preferences

TEMPLATE = Path(__file__).with_name("report.html.j2")


def write_study_report(folder: Path, analysis: Analysis) -> Path:
    """Write an analysis.

    Args:
        folder: gets the three files.
        analysis: of a study's answers.

    Returns:
        The path of report.html.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "figure.png") as temporary:
        plot_preferences(analysis.comparisons).savefig(temporary, dpi=160)
    rows = [_row(comparison) for comparison in analysis.comparisons]
    with (
        whole_file(folder / "preferences.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return write_page(folder / "report.html", TEMPLATE, analysis=analysis, questions=QUESTIONS, titles=TITLES)


def summary(analysis: Analysis) -> Iterator[str]:
    """The result in lines for the terminal."""
    raters = analysis.raters
    yield (
        f"{raters['kept']} of {raters['all']} raters kept: {raters['failed']} failed an attention check, "
        f"{raters['unchecked']} met none"
    )
    names = [f"{c.first} vs. {c.second}" for c in analysis.comparisons]
    width = max(len(name) for name in names)
    yield f"\n{'':<{width}}  {'question':<16}{'first':>7}{'95 % interval':>16}{'neither':>9}{'second':>8}{'alpha':>7}"
    for name, comparison in zip(names, analysis.comparisons, strict=True):
        first, neither, second = (interval.mean for interval in comparison.rates.values())
        interval = f"{comparison.rates['first'].low:.1%} to {comparison.rates['first'].high:.1%}"
        yield (
            f"{name:<{width}}  {comparison.question:<16}{first:>7.1%}{interval:>16}{neither:>9.1%}{second:>8.1%}"
            f"{comparison.agreement:>7.2f}  {comparison.verdict}"
        )


def _row(comparison: Comparison) -> dict[str, Any]:
    """A row of preferences.csv."""
    measures = {**comparison.rates, "decided": comparison.decided, "difference": comparison.difference}
    row: dict[str, Any] = {name: getattr(comparison, name) for name in ("first", "second", "question")}
    row |= {name: getattr(comparison, name) for name in ("answers", "raters", "videos")}
    for name, interval in measures.items():
        bounds = {"": interval.mean, "_low": interval.low, "_high": interval.high}
        row |= {f"rate_{name}{ending}": round(value, 4) for ending, value in bounds.items()}
    return row | {"alpha": round(comparison.agreement, 4), "verdict": comparison.verdict}
