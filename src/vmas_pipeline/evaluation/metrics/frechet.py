"""The Frechet distance between two sets of embeddings; with music embeddings, the Frechet audio distance (FAD)."""

# N, M clips, D width of the embedding

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.evaluation.space import Space

SUBSETS = 15
"""Sizes of random subsets by which the distance is extrapolated."""


def compute(measured: Measured) -> list[MetricResult]:
    """FAD to the true music of the same clips, on a scale from one track for all videos to other true music."""
    return [result for space in measured.spaces for result in _results(space)]


def _results(space: Space) -> list[MetricResult]:
    reference, generated, training = space.true.vectors, space.generated.vectors, space.training.vectors
    scale = space.scale(frechet_distance)
    endless, fit = extrapolated_distance(reference, generated)
    return [
        MetricResult(
            name=space.key("fad"),
            title=space.title("FAD"),
            **scale,
            measured_with=space.measured_with,
            note="chance plays one track of the training split, the best, under every video; the ceiling is the "
            f"training split's true music; true music through the codec {scale['levels']['codec']:.2f}",
            digits=2,
        ),
        MetricResult(
            name=space.key("fad_inf"),
            title=space.title("FAD, infinite N"),
            value=endless,
            ceiling=extrapolated_distance(reference, training)[0],
            higher_is_better=False,
            levels={"r2": fit},
            measured_with=f"{space.measured_with}; a line through FAD over 1 / N",
            note=f"what is left without the bias of few clips, if the line fits: R2 {fit:.3f}",
            digits=2,
        ),
    ]


def frechet_distance(reference: np.ndarray, generated: np.ndarray) -> float:
    """Frechet distance between the Gaussians fitted to two sets (Kilgour et al. 2019, "Frechet Audio Distance").

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with S the unbiased covariance. With S = F F^T the last trace is the
    sum of the singular values of F1^T F2: real and stable even for sets smaller than D, where a matrix square root of
    S1 S2 loses precision or becomes complex.

    Two samples of one distribution have a distance above 0 that decreases with N and M: compare only equal sizes.

    Args:
        reference: float [N, D], N >= 2.
        generated: float [M, D], M >= 2.

    Returns:
        The distance, >= 0, in squared units of the embedding.

    Raises:
        ValueError: Mismatched shapes, fewer than two rows, or non-finite values.
    """
    sets = {"reference": np.asarray(reference, np.float64), "generated": np.asarray(generated, np.float64)}
    for name, rows in sets.items():
        if rows.ndim != 2 or len(rows) < 2:
            raise ValueError(f"{name} has shape {rows.shape}: give [clips, width] with at least two clips")
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} has {np.count_nonzero(~np.isfinite(rows))} values that are not finite")
    first, second = sets.values()
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"reference is {first.shape[1]} wide, generated {second.shape[1]}: use one embedding for both")
    shift = first.mean(axis=0) - second.mean(axis=0)
    factor1, factor2 = _covariance_factor(first), _covariance_factor(second)
    overlap = np.linalg.svd(factor1.T @ factor2, compute_uv=False).sum()
    spread = np.square(factor1).sum() + np.square(factor2).sum()
    return max(float(shift @ shift + spread - 2 * overlap), 0.0)


def extrapolated_distance(reference: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """The distance for infinitely many generated clips (Gui et al. 2024, "Adapting Frechet Audio Distance", FAD-inf).

    A straight line through the distances of random subsets of the generated clips, over 1 / N, met at 0.

    Args:
        reference: float [N, D], N >= 2.
        generated: float [M, D], M >= 4.

    Returns:
        The line's value at 1 / N = 0, and its R2; the distance of all and 0 where M is below 4.
    """
    count, random = len(generated), np.random.default_rng(0)
    if count < 4:
        return frechet_distance(reference, generated), 0.0
    sizes = np.unique(np.linspace(count // 2, count, SUBSETS).astype(int))
    found = np.array([frechet_distance(reference, generated[random.permutation(count)[:size]]) for size in sizes])
    slope, endless = np.polyfit(1 / sizes, found, 1)
    left = found - (slope / sizes + endless)
    return float(endless), float(1 - np.square(left).sum() / max(np.square(found - found.mean()).sum(), 1e-12))


def _covariance_factor(rows: np.ndarray) -> np.ndarray:
    """F [D, min(N, D)] with F F^T the covariance of rows [N, D]."""
    centred = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)  # [N, D]
    if len(centred) <= centred.shape[1]:
        return centred.T
    _, triangle = np.linalg.qr(centred)  # R [D, D], R^T R is the covariance
    return triangle.T
