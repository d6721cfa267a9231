"""The KL divergence under its public name; it is defined in `evaluation.metrics.kl`."""

from vmas_pipeline.evaluation.metrics.kl import kl_divergence

__all__ = ["kl_divergence"]
