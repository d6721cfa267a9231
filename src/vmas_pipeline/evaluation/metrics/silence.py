"""How much of the music is silent."""

import numpy as np

from vmas_pipeline.audio.level import SILENT_DB
from vmas_pipeline.evaluation.audio_features import AudioFeatures
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """The share of the time, as made; as much as in the true music is right."""
    shares = _shares(measured.generated)
    interval, whole = bootstrap_mean(shares, groups=np.array(measured.sources)), int((shares == 1).sum())
    return [
        MetricResult(
            name="silence",
            title="Silent",
            value=interval.mean,
            ceiling=float(_shares(measured.true).mean()),
            higher_is_better=None,
            interval=(interval.low, interval.high),
            levels={"codec": float(_shares(measured.codec).mean()), "silent_clips": float(whole)},
            per_clip={"silence_generated": shares},
            measured_with=f"share of the time below {SILENT_DB:g} dB of full scale (RMS of 50 ms), as made",
            note=f"{whole} of {len(shares)} clips are silent throughout",
        )
    ]


def _shares(music: AudioFeatures) -> np.ndarray:
    return np.array([sound.level.silent for sound in music.sounds])
