"""Density and coverage: whether the music lies where true music lies, and whether it fills that space."""

# N, M clips, D width of an embedding

import numpy as np
from scipy.spatial.distance import cdist

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.evaluation.space import Space

NEIGHBOURS = 5


NOTES = {
    "density": "spread around true music: 1 as for true music, above 1 where only its commonest is played",
    "coverage": "the share of true clips with generated music among their neighbours",
}


def compute(measured: Measured) -> list[MetricResult]:
    """Both against the true music of the same clips; nothing with fewer clips than neighbours."""
    if len(measured.rows) <= NEIGHBOURS:
        return []
    return [result for space in measured.spaces for result in _results(space)]


def _results(space: Space) -> list[MetricResult]:
    reference, training = space.true.vectors, space.training.vectors
    levels = {
        "value": density_and_coverage(reference, space.generated.vectors),
        "chance": density_and_coverage(reference, np.stack([space.best_single_track] * len(reference))),
        "ceiling": density_and_coverage(reference, training),
        "codec": density_and_coverage(reference, space.codec.vectors),
    }
    return [
        MetricResult(
            name=space.key(name),
            title=space.title(name.capitalize()),
            value=levels["value"][i],
            chance=levels["chance"][i],
            ceiling=levels["ceiling"][i],
            higher_is_better=True if name == "coverage" else None,
            levels={"codec": levels["codec"][i]},
            measured_with=f"{space.measured_with}; {NEIGHBOURS} nearest neighbours",
            note=f"{note}; chance is one track for all",
        )
        for i, (name, note) in enumerate(NOTES.items())
    ]


def density_and_coverage(
    reference: np.ndarray, generated: np.ndarray, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Both as Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", define them.

    The ball around a reference clip reaches to its k-th nearest other reference clip.

    Args:
        reference: float [N, D], N > k.
        generated: float [M, D], M >= 1.
        neighbours: k.

    Returns:
        density: mean number of balls that a generated clip lies in, over k. coverage: share of balls with a generated
        clip in them.

    Raises:
        ValueError: too few clips.
    """
    first, second = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if len(first) <= neighbours or not len(second):
        raise ValueError(f"{len(first)} reference and {len(second)} generated clips: {neighbours + 1} and 1 are needed")
    radius = np.partition(cdist(first, first), neighbours, axis=1)[:, neighbours]  # the smallest is the own, 0
    inside = cdist(first, second) <= radius[:, None]  # [N, M]
    return float(inside.sum(axis=0).mean() / neighbours), float(inside.any(axis=1).mean())
