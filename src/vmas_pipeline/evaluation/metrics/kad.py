"""The kernel distance between two sets of embeddings; with music embeddings, the kernel audio distance (KAD)."""

# N, M clips, D width of the embedding

import numpy as np
from scipy.spatial.distance import cdist, pdist

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.evaluation.space import Space

SCALE = 100.0
"""The field's: values near 1 instead of 0.01."""


def compute(measured: Measured) -> list[MetricResult]:
    """KAD to the true music of the same clips, on a scale from one track for all videos to other true music."""
    return [_result(space) for space in measured.spaces]


def _result(space: Space) -> MetricResult:
    scale = space.scale(kernel_distance)
    return MetricResult(
        name=space.key("kad"),
        title=space.title("KAD"),
        **scale,
        measured_with=f"{space.measured_with}; Gaussian kernel as wide as the median distance within the true music; "
        f"times {SCALE:g}",
        note="unbiased in the number of clips, so a value near or below 0 is none beyond noise; levels as for FAD; "
        f"true music through the codec {scale['levels']['codec']:.2f}",
        digits=2,
    )


def kernel_distance(reference: np.ndarray, generated: np.ndarray) -> float:
    """Squared maximum mean discrepancy, unbiased, times `SCALE` (Chung et al. 2025, "KAD: No More FAD!").

    mean k(x, x') + mean k(y, y') - 2 mean k(x, y) over pairs of different rows, k(a, b) = exp(-|a - b|^2 / (2 s^2))
    with s the median distance between two rows of the reference (Gretton et al. 2012, eq. 3 and section 8).

    Args:
        reference: float [N, D], N >= 2.
        generated: float [M, D], M >= 2.

    Returns:
        The distance. For samples of one distribution its mean is 0 for all N and M; single values may be negative.

    Raises:
        ValueError: Mismatched shapes, fewer than two rows, non-finite values, or a reference of equal rows.
    """
    first, second = (np.asarray(rows, np.float64) for rows in (reference, generated))
    for name, rows in (("reference", first), ("generated", second)):
        if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
            raise ValueError(f"{name} has shape {rows.shape}: give finite [clips, width] with at least two clips")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"reference is {first.shape[1]} wide, generated {second.shape[1]}: use one embedding for both")
    within = pdist(first, "sqeuclidean")
    width = float(np.median(within))
    if width == 0:
        raise ValueError("reference has equal rows only: the kernel has no width")
    similar = [np.exp(-d / (2 * width)).mean() for d in (within, pdist(second, "sqeuclidean"))]
    return float(SCALE * (sum(similar) - 2 * np.exp(-cdist(first, second, "sqeuclidean") / (2 * width)).mean()))
