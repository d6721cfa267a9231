"""The metrics: one file each, with the plain function and its conversion to `MetricResult`, and a line in `METRICS`."""

from collections.abc import Callable

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics import (
    alignment,
    codec_onsets,
    coverage,
    density,
    diversity,
    frechet,
    genre,
    kad,
    kl,
    mad,
    memorisation,
    retrieval,
    tuning,
)
from vmas_pipeline.evaluation.result import MetricResult

METRICS: tuple[Callable[[Measured], list[MetricResult]], ...] = (
    alignment.compute,
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
    codec_onsets.compute,
)
"""In the order of the report's table."""
