"""How well the codec preserves onsets: an upper bound on audible alignment."""

import numpy as np

from vmas_pipeline.codec.reconstruction import onset_f1
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """F-measure between the onsets of the true music and of its reconstruction, mean over the clips."""
    pairs = zip(measured.true.onsets_s, measured.codec.onsets_s, strict=True)
    scores = np.array([onset_f1(*pair) for pair in pairs])
    return [
        MetricResult(
            name="codec_onset_f1",
            title="Onsets through the codec, F1",
            value=float(scores.mean()),
            ceiling=1.0,
            per_clip={"codec_onset_f1": scores},
            measured_with="onsets by spectral flux",
            note="of the codec, not of the system",
        )
    ]
