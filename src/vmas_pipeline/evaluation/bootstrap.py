"""Confidence intervals of a mean over clips, and of the difference between two systems on the same clips."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, *, groups: np.ndarray | None = None, samples: int = 2000) -> Interval:
    """Percentile bootstrap of the mean; deterministic.

    For a paired comparison pass the per-clip differences: the interval then shows whether one system is better.

    Args:
        values: Float [N], one per clip.
        groups: Source video of each clip, [N]; whole groups are resampled, because clips of one video are similar.
            None: every clip separately.
        samples: Number of resamples.

    Raises:
        ValueError: No values, or a different number of groups.
    """
    values = np.asarray(values, np.float64)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    if values.ndim != 1 or len(values) == 0 or len(groups) != len(values):
        raise ValueError(f"values have shape {values.shape} with {len(groups)} groups: give one value and group a clip")
    _, index = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(index, values), np.bincount(index)
    drawn = np.random.default_rng(0).integers(len(sums), size=(samples, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))
