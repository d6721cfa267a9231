"""The rows of an experiment's table."""

from typing import Any

import numpy as np

from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.systems.generated import Record

METRICS = (
    *("mv_align", "onset_to_cut", "downbeat_to_cut", "onset_density", "genre_agreement", "in_tune"),
    *("tempo", "key", "loudness", "clipping", "silence"),
    *("fad", "fad_inf", "kad", "mad", "coverage", "diversity", "copied", "kl", "r_at_1", "r_at_10", "median_rank"),
)
"""Columns of the table."""


def row_of(metrics: dict[str, Any], record: Record) -> dict[str, Any]:
    """A variant's metrics, with the bounds of MV Align, and the cost of its music.

    Args:
        metrics: contents of its metrics.json.
        record: of its music.

    Returns:
        `METRICS`, None where it has none; mv_align_low and _high, its 95 % interval; mv_align_chance; gain_db, with
        which its music was heard; parameters and encoder_multiply_adds, where it states them; compute_s, mean CPU
        seconds of a clip.
    """
    results = {result.name: result for result in results_of(metrics)}
    aligned = results["mv_align"]
    row: dict[str, Any] = {name: results[name].value if name in results else None for name in METRICS}
    low, high = aligned.interval or (None, None)
    return {
        **row,
        "mv_align_low": low,
        "mv_align_high": high,
        "mv_align_chance": aligned.chance,
        "gain_db": metrics["gain_db"],
        "parameters": record.about.get("parameters"),
        "encoder_multiply_adds": record.about.get("encoder_multiply_adds"),
        "compute_s": float(np.mean(list(record.compute_s.values()))),
    }
