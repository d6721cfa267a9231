"""Diversity: whether different videos get different music; `paired.seed_diversity` says it of different seeds."""

# N clips, D width of a vector

import numpy as np
from scipy.spatial.distance import cdist

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """The spread of the generated music over that of the true music; clips.parquet keeps the vectors."""
    space, sources = measured.spaces[0], measured.sources
    true = spread(space.true.vectors, sources) or 1.0
    vectors = np.empty(len(sources), object)
    vectors[:] = list(space.generated.vectors)
    return [
        MetricResult(
            name="diversity",
            title="Diversity",
            value=spread(space.generated.vectors, sources) / true,
            chance=0.0,
            ceiling=1.0,
            higher_is_better=None,
            levels={"codec": spread(space.codec.vectors, sources) / true},
            per_clip={"embedding": vectors},
            measured_with=space.measured_with,
            note="mean distance between the music of two videos, over that of their true music; chance is one track",
        )
    ]


def spread(vectors: np.ndarray, sources: list[str]) -> float:
    """Mean distance between vectors [N, D] of different sources.

    Raises:
        ValueError: all are of one source.
    """
    names = np.asarray(sources)
    apart = names[:, None] != names
    if not apart.any():
        raise ValueError(f"all clips are of source {names[0]}: diversity needs two")
    return float(cdist(vectors, vectors)[apart].mean())
