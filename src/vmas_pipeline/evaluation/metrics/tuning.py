"""Whether the music is in tune, and in one key."""

# N clips

from collections.abc import Mapping, Sequence

import numpy as np

from vmas_pipeline.audio.pitch import Tuning
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult

IN_TUNE_CHANCE = 0.5


def compute(measured: Measured) -> list[MetricResult]:
    """Both shares of the generated music; the ceiling is the true music's."""
    others = {"true": measured.true.tunings, "codec": measured.codec.tunings}
    return tuning_results(measured.generated.tunings, measured.sources, others)


def tuning_results(
    tunings: Sequence[Tuning], sources: Sequence[str], others: Mapping[str, Sequence[Tuning]] | None = None
) -> list[MetricResult]:
    """The results in_tune and in_key.

    Args:
        tunings: of N pieces of music.
        sources: the source video of each.
        others: further music by name; that named "true" is the ceiling.
    """
    others = others or {}
    tune, key, chance = (_column(tunings, name) for name in ("in_tune", "in_key", "in_key_chance"))
    return [
        MetricResult(
            name="in_tune",
            title="In tune",
            chance=IN_TUNE_CHANCE,
            measured_with="share of loud frames whose strongest partial is within 25 cents of a note, A440",
            note=f"chance is any pitch{_through_the_codec(others, 'in_tune')}",
            **_levels("in_tune", tune, sources, others),
        ),
        MetricResult(
            name="in_key",
            title="In one key",
            chance=float(chance.mean()),
            measured_with="share of notes of two frames or more in the major or natural minor key that fits best",
            note=f"chance is the best key for as many random notes{_through_the_codec(others, 'in_key')}",
            **_levels("in_key", key, sources, others),
        ),
    ]


def _column(tunings: Sequence[Tuning], name: str) -> np.ndarray:
    return np.array([getattr(each, name) for each in tunings])


def _levels(name: str, values: np.ndarray, sources: Sequence[str], others: Mapping[str, Sequence[Tuning]]) -> dict:
    interval = bootstrap_mean(values, groups=np.array(sources))
    levels = {other: float(_column(tunings, name).mean()) for other, tunings in others.items()}
    return {
        "value": interval.mean,
        "interval": (interval.low, interval.high),
        "ceiling": levels.get("true"),
        "levels": levels,
        "per_clip": {f"{name}_generated": values},
    }


def _through_the_codec(others: Mapping[str, Sequence[Tuning]], name: str) -> str:
    return f"; true music through the codec {_column(others['codec'], name).mean():.3f}" if "codec" in others else ""
