"""The metrics: one file each, with the plain function and its conversion to `MetricResult`, and a line in `METRICS`."""

from collections.abc import Callable

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics import (
    alignment,
    clipping,
    codec_onsets,
    coverage,
    cuts,
    density,
    diversity,
    frechet,
    genre,
    kad,
    key,
    kl,
    loudness,
    mad,
    memorisation,
    retrieval,
    silence,
    tempo,
    tuning,
)
from vmas_pipeline.evaluation.result import MetricResult

METRICS: tuple[Callable[[Measured], list[MetricResult]], ...] = (
    alignment.compute,
    cuts.compute,
    density.compute,
    genre.compute,
    retrieval.compute,
    frechet.compute,
    kad.compute,
    mad.compute,
    coverage.compute,
    diversity.compute,
    memorisation.compute,
    kl.compute,
    tuning.compute,
    tempo.compute,
    key.compute,
    loudness.compute,
    clipping.compute,
    silence.compute,
    codec_onsets.compute,
)
"""In the order of the report's table."""
