"""How much of the music is clipped."""

import numpy as np

from vmas_pipeline.evaluation.audio_features import AudioFeatures
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """The share of the samples at full scale, as made."""
    shares = _shares(measured.generated)
    interval = bootstrap_mean(shares, groups=np.array(measured.sources))
    return [
        MetricResult(
            name="clipping",
            title="Clipped",
            value=interval.mean,
            ceiling=float(_shares(measured.true).mean()),
            higher_is_better=False,
            interval=(interval.low, interval.high),
            levels={"codec": float(_shares(measured.codec).mean()), "clips": float((shares > 0).sum())},
            per_clip={"clipping_generated": shares},
            measured_with="share of the samples at full scale of 16 bits, as made",
            note=f"in {(shares > 0).sum()} of {len(shares)} clips",
            digits=5,
        )
    ]


def _shares(music: AudioFeatures) -> np.ndarray:
    return np.array([sound.level.clipped for sound in music.sounds])
