"""The MAUVE audio divergence (MAD): how two sets of music share out over clusters of their embeddings."""

# N, M clips, D width of a vector, K clusters

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.evaluation.space import Space

SCALE = 5.0
"""MAUVE's c, by which divergences are multiplied."""

MIXTURES = np.linspace(1e-6, 1 - 1e-6, 25)
"""Shares of the generated music in the mixtures along the divergence curve."""

VARIANCE = 0.9
"""Share that the principal components before clustering keep."""

CLIPS_A_CLUSTER = 10
SEED, RESTARTS = 0, 5
"""Of k-means."""


def compute(measured: Measured) -> list[MetricResult]:
    """MAD to the true music of the same clips, on a scale from one track for all videos to other true music."""
    return [_result(space) for space in measured.spaces]


def _result(space: Space) -> MetricResult:
    scale = space.scale(mauve_divergence, len(space.true.vectors))
    return MetricResult(
        name=space.key("mad"),
        title=space.title("MAD"),
        **scale,
        measured_with=f"{space.measured_with}; -ln(MAUVE), a cluster for {CLIPS_A_CLUSTER} clips, k-means seed {SEED}",
        note="0 where both fill the same clusters alike, 5.5 where they share none; depends on the number of clips; "
        f"levels as for FAD; true music through the codec {scale['levels']['codec']:.2f}",
        digits=2,
    )


def mauve_divergence(reference: np.ndarray, generated: np.ndarray) -> float:
    """-ln(MAUVE), MAD as Huang et al. 2025 define it (arXiv 2503.16669), with MAUVE's default settings.

    MAUVE (Pillutla et al. 2021, eq. 2) is the area under the curve of (exp(-c KL(Q | R)), exp(-c KL(P | R))) for
    mixtures R = w P + (1 - w) Q, of the shares P and Q of both sets in joint k-means clusters. MAD's authors take the
    maximum over time of layer 24 of MERT-v1-330M.

    Args:
        reference: float [N, D], N >= 1.
        generated: float [M, D], M >= 1.

    Returns:
        The divergence, >= 0; 0 for equal shares.

    Raises:
        ValueError: mismatched shapes, no rows, or non-finite values.
    """
    first, second = (np.asarray(rows, np.float64) for rows in (reference, generated))
    for name, rows in (("reference", first), ("generated", second)):
        if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
            raise ValueError(f"{name} has shape {rows.shape}: give finite [clips, width] with at least one clip")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"reference is {first.shape[1]} wide, generated {second.shape[1]}: use one embedding for both")
    labels = _clusters(_components(np.concatenate([first, second])), min(len(first), len(second)))
    shares = [
        np.bincount(part, minlength=labels.max() + 1) / len(part) for part in np.split(labels, [len(first)])
    ]  # 2 x [K]
    return max(0.0, -float(np.log(mauve(*shares))))


def mauve(reference: np.ndarray, generated: np.ndarray) -> float:
    """The area under the divergence curve of two distributions [K], in (0, 1]."""
    mixtures = MIXTURES[:, None] * generated + (1 - MIXTURES[:, None]) * reference  # [25, K]
    curve = np.exp(-SCALE * np.stack([_divergences(reference, mixtures), _divergences(generated, mixtures)]))
    x, y = np.concatenate([[[1.0], [0.0]], curve, [[0.0], [1.0]]], axis=1)
    return (_area(x, y) + _area(y, x)) / 2


def _area(x: np.ndarray, y: np.ndarray) -> float:
    order = np.lexsort((-y, x))  # the curve falls
    return float(np.trapezoid(y[order], x[order]))


def _divergences(shares: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """KL of shares [K] from each mixture [R, K], which has all that they have."""
    held = shares > 0
    return (shares[held] * np.log(shares[held] / mixtures[:, held])).sum(axis=1)


def _components(rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] of length one as their first principal components."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1)
    left, values, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    kept = np.cumsum(np.square(values)) / max(np.square(values).sum(), 1e-12)
    return (left * values)[:, : int(np.argmax(kept >= VARIANCE)) + 1]


def _clusters(rows: np.ndarray, smaller: int) -> np.ndarray:
    """The cluster of each row, int [N]: one for ten clips of the smaller set, two at least."""
    from sklearn.cluster import KMeans

    different = len(np.unique(rows.round(9), axis=0))  # what rounding left of equal rows is no spread
    count = min(max(2, round(smaller / CLIPS_A_CLUSTER)), different)
    return KMeans(count, n_init=RESTARTS, max_iter=500, random_state=SEED).fit(rows).labels_
