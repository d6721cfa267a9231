"""Music retrieval: is a video's own music the nearest of many in the contrastive space?"""

# N clips, D width of the embedding

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """R@1, R@10 and the median rank; nothing if the system has no embeddings."""
    if measured.vectors is None:
        return []
    found = retrieval(*measured.vectors)
    count, genres = found.candidates, np.array([str(genre) for genre in measured.genres])
    how = f"the video's own track among {count}, by cosine similarity"
    results = [
        MetricResult(
            name=f"r_at_{k}",
            title=f"R@{k}",
            value=value,
            chance=chance_recall(count, k),
            ceiling=1.0,
            levels={"genre_alone": group_recall(genres, k), "candidates": float(count)},
            note=f"knowing the genre alone gives {group_recall(genres, k):.3f}",
            measured_with=how,
        )
        for k, value in ((1, found.r_at_1), (10, found.r_at_10))
    ]
    median = MetricResult(
        name="median_rank",
        title="Median rank",
        value=found.median_rank,
        chance=(count + 1) / 2,
        ceiling=1.0,
        higher_is_better=False,
        per_clip={"retrieval_rank": found.ranks},
        digits=1,
        measured_with=how,
    )
    return [*results, median]


@dataclass(frozen=True, kw_only=True)
class RetrievalReport:
    """Ranks of the true music for each video among N candidates."""

    r_at_1: float
    r_at_10: float
    median_rank: float
    ranks: np.ndarray  # float [N], 1 is best; a tie counts half
    candidates: int


def retrieval(video: np.ndarray, music: np.ndarray) -> RetrievalReport:
    """Rank all tracks for each video by cosine similarity; rows i of both belong together.

    A track that ties with the true one counts half a rank: a model that outputs a constant vector then has the chance
    median rank, (N + 1) / 2. For R@k, a tie that spans k counts by its fraction below k.

    Args:
        video: Embeddings [N, D] of the videos.
        music: Embeddings [N, D] of their tracks.

    Raises:
        ValueError: Shapes that differ, empty input, or a vector of length zero.
    """
    video, music = np.asarray(video, np.float64), np.asarray(music, np.float64)
    if video.shape != music.shape or video.ndim != 2 or len(video) == 0:
        raise ValueError(f"video has shape {video.shape} and music {music.shape}: give two of one [clips, width]")
    similarity = _unit(video, "video") @ _unit(music, "music").T  # [videos, tracks]
    own = np.diag(similarity)[:, None]
    ties = np.isclose(similarity, own, rtol=0, atol=1e-9)
    better = ((similarity > own) & ~ties).sum(axis=1)
    tied = ties.sum(axis=1)  # including the own track
    ranks = better + (tied + 1) / 2
    return RetrievalReport(
        r_at_1=_recall(better, tied, 1),
        r_at_10=_recall(better, tied, 10),
        median_rank=float(np.median(ranks)),
        ranks=ranks,
        candidates=len(video),
    )


def chance_recall(candidates: int, k: int) -> float:
    """R@k of a random ranking: k / N."""
    return min(1.0, k / candidates)


def group_recall(groups: np.ndarray, k: int) -> float:
    """R@k of a system that knows only each video's group (its genre).

    >>> group_recall(np.array(["folk"] * 20 + ["techno"] * 40), 10)  # (20 x 10/20 + 40 x 10/40) / 60
    0.3333333333333333
    """
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return float(np.minimum(1, k / sizes[index]).mean())


def _recall(better: np.ndarray, tied: np.ndarray, k: int) -> float:
    """The expected fraction of rows whose own track is among the first k, with ties in random order."""
    return float(np.clip((k - better) / tied, 0, 1).mean())


def _unit(rows: np.ndarray, name: str) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise ValueError(f"{name} row {int(np.argmin(lengths))} has length 0: it has no direction to compare")
    return rows / lengths
