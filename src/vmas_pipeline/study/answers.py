"""The table of answers: a row for each rater, trial and question. It is what is exported, and what is analysed."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.media import whole_file
from vmas_pipeline.study.config import CHECK_QUESTION, QUESTIONS

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    *("rater", "position", "item", "check", "clip_id", "film"),
    *("first", "second", "first_left", "question", "answer", "seconds"),
)
"""rater: a number drawn at random; position: of the trial, from 1; check: 1 for an attention check; first, second: the
systems compared, first_left: 1 if the first was video A; answer: first, neither or second; seconds: whole, on both
questions together."""

ANSWERS = ("first", "neither", "second")


def write_answers(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table as CSV, atomically."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_answers(path: Path) -> "DataFrame":
    """Read what `write_answers` wrote.

    Raises:
        ValueError: it is no such table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(
            path, keep_default_na=False, dtype={"clip_id": str, "film": str, "first": str, "second": str}
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no table of answers: give what `vmas study export` wrote") from error
    lacking = [name for name in COLUMNS if name not in table]
    if lacking or not set(table["answer"]) <= set(ANSWERS) or not set(table["question"]) <= set(QUESTIONS):
        raise ValueError(
            f"{path} is no table of answers ({f'it lacks {lacking[0]}' if lacking else 'an answer is unknown'}): "
            "give what `vmas study export` wrote"
        )
    return table


def attentive(table: "DataFrame") -> "tuple[DataFrame, dict[str, int]]":
    """The answers about systems of raters who passed every check that they met, and how many raters were left out.

    A check is passed by preferring music to noise in the question about quality. Where a study has checks, a rater who
    stopped before the first one is left out too: nothing tells whether they listened.

    Returns:
        The rows, without the checks; numbers of raters: all, failed, unchecked, kept.
    """
    checks = table[(table["check"] == 1) & (table["question"] == CHECK_QUESTION)]
    failed = set(checks.loc[checks["answer"] != "first", "rater"])
    everyone = set(table["rater"])
    unchecked = everyone - set(checks["rater"]) if len(checks) else set()
    kept = everyone - failed - unchecked
    rows = table[(table["check"] == 0) & table["rater"].isin(kept)]
    counts = {"all": len(everyone), "failed": len(failed), "unchecked": len(unchecked), "kept": len(kept)}
    return rows.reset_index(drop=True), counts
