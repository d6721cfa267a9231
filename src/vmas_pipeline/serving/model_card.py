"""The model card: a model's provenance, results and limits."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline import tracking
from vmas_pipeline.evaluation.result import MetricResult, results_of
from vmas_pipeline.serving.gate import Check

if TYPE_CHECKING:
    from pandas import DataFrame


def model_card(model: Path, metrics: Mapping[str, Any], manifest: "DataFrame", checks: Iterable[Check]) -> str:
    """Write the card in Markdown.

    Args:
        model: the model folder; its config.json has sizes and provenance.
        metrics: contents of evaluation's metrics.json.
        manifest: the clips of the data set.
        checks: the gate's rules and whether they passed.
    """
    from jinja2 import Environment, StrictUndefined

    template = Path(__file__).with_name("model_card.md.j2").read_text()
    config = json.loads((model / "config.json").read_text())
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        config=config,
        training=tracking.flatten(config["training"]),
        rows=_rows(results_of(metrics)),
        clips=metrics.get("clips"),
        data=_data(manifest),
        checks=list(checks),
    )


def _rows(results: Iterable[MetricResult]) -> list[list[str]]:
    """The rows of the card's table, as text; missing values are left out."""
    rows = []
    for result in results:
        if result.value is not None:
            title = result.title + (", lower is better" if result.higher_is_better is False else "")
            numbers = (result.value, result.chance, result.ceiling)
            rows.append([title, *("" if number is None else f"{number:.3g}" for number in numbers)])
    return rows


def _data(manifest: "DataFrame") -> dict[str, Any]:
    return {
        "clips": len(manifest),
        "sources": manifest["source_id"].nunique(),
        "hours": manifest["duration_s"].sum() / 3600,
        "splits": manifest["split"].value_counts().to_dict(),
        "licences": licence_counts(manifest),
        "genres": manifest["genre"].dropna().value_counts().to_dict(),
    }


def licence_counts(manifest: "DataFrame") -> dict[str, int]:
    """The number of clips under each licence."""
    return {str(licence): int(count) for licence, count in manifest["licence"].fillna("unknown").value_counts().items()}
