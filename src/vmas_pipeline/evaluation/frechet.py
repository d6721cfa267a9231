"""The Frechet distance under its public name; it is defined in `evaluation.metrics.frechet`."""

from vmas_pipeline.evaluation.metrics.frechet import frechet_distance

__all__ = ["frechet_distance"]
