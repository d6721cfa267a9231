"""How loud the music is, as made."""

# N clips

import numpy as np

from vmas_pipeline.evaluation.audio_features import AudioFeatures
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult

_WITH = "integrated loudness of each clip (ITU-R BS.1770-4), silence as -70 LUFS"


def compute(measured: Measured) -> list[MetricResult]:
    """The mean loudness, and its mean distance from the true music's, clip by clip."""
    generated, true, codec = (_lufs(music) for music in (measured.generated, measured.true, measured.codec))
    groups = np.array(measured.sources)
    mean, apart = bootstrap_mean(generated, groups=groups), bootstrap_mean(np.abs(generated - true), groups=groups)
    matched = f"; the other metrics hear it {measured.gain_db:+.1f} dB" if measured.gain_db else ""
    return [
        MetricResult(
            name="loudness",
            title="Loudness",
            value=mean.mean,
            ceiling=float(true.mean()),
            higher_is_better=None,
            unit="LUFS",
            interval=(mean.low, mean.high),
            levels={"codec": float(codec.mean())},
            per_clip={"loudness_generated": generated, "loudness_true": true},
            measured_with=_WITH,
            note=f"as made{matched}",
            digits=1,
        ),
        MetricResult(
            name="loudness_distance",
            title="Loudness, difference",
            value=apart.mean,
            chance=float(np.abs(true - np.median(true)).mean()),
            ceiling=float(np.abs(codec - true).mean()),
            higher_is_better=False,
            unit="LU",
            interval=(apart.low, apart.high),
            measured_with=_WITH,
            note="chance is one loudness for all clips, the ceiling the true music through the codec",
            digits=1,
        ),
    ]


def _lufs(music: AudioFeatures) -> np.ndarray:
    return np.array([sound.level.lufs for sound in music.sounds])
