"""Memorisation: whether the music is a copy of a training clip, by its embedding and by its audio fingerprint.

Compared are the M clips of the training split that the codec's folder holds (`generation.training_clips`), as they are
and through the codec: a copy of another clip is not found.
"""

# N clips, M training clips, D width of a vector, P sub-fingerprints

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from vmas_pipeline.audio.fingerprint import HOP_S, LEAST_S, SAME, lowest_errors
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult

CLOSE = 5
"""Per cent of the true clips that count as close to the training set."""


def compute(measured: Measured) -> list[MetricResult]:
    """How close the music comes to the training set, against how close unseen true music does."""
    return [*by_embedding(measured), by_fingerprint(measured)]


def by_embedding(measured: Measured) -> list[MetricResult]:
    """Distances to the nearest training clip: their median, and the share of them that are close."""
    space = measured.spaces[0]
    pool = np.concatenate([space.training.vectors, space.training_codec.vectors])  # [2 M, D]
    index, found = nearest(space.generated.vectors, pool)
    true, codec = (nearest(music.vectors, pool)[1] for music in (space.true, space.codec))
    usual, close = float(np.median(true)) or 1.0, float(np.percentile(true, CLOSE))
    names = _names(measured)
    with_ = f"{space.measured_with}; {len(names)} training clips, plain and coded"
    return [
        MetricResult(
            name="training_distance",
            title="Distance to the training set",
            value=float(np.median(found)) / usual,
            ceiling=1.0,
            higher_is_better=None,
            levels={"codec": float(np.median(codec)) / usual},
            per_clip={"nearest_training_clip": names[index % len(names)], "nearest_training_distance": found / usual},
            measured_with=with_,
            note="median distance to the nearest training clip, over that of true music; near 0 it is a copy",
            digits=2,
        ),
        MetricResult(
            name="close_to_training",
            title="Close to a training clip",
            value=float((found < close).mean()),
            ceiling=float((true < close).mean()),
            higher_is_better=False,
            levels={"codec": float((codec < close).mean())},
            measured_with=with_,
            note=f"share of clips nearer to a training clip than all but {CLOSE} % of true music",
        ),
    ]


def by_fingerprint(measured: Measured) -> MetricResult:
    """The share of clips whose fingerprint is, at some alignment, that of a training clip."""
    pool = [*measured.training.prints, *measured.training_codec.prints]
    index, errors = best_matches(measured.generated.prints, pool)
    unseen = {"true": measured.true, "codec": measured.codec}
    levels = {name: best_matches(music.prints, pool)[1] for name, music in unseen.items()}
    shares = {name: float((found < SAME).mean()) for name, found in levels.items()}
    names = _names(measured)
    return MetricResult(
        name="copied",
        title="Copied from a training clip",
        value=float((errors < SAME).mean()),
        ceiling=shares["true"],
        higher_is_better=False,
        levels={**shares, "lowest_error": float(errors.min()), "lowest_error_true": float(levels["true"].min())},
        per_clip={"fingerprint_training_clip": names[index % len(names)], "fingerprint_error": errors},
        measured_with=f"audio fingerprints, bit error rate below {SAME}; {len(names)} training clips, plain and coded",
        note="share of clips that are the recording of a training clip; true music, which is none, shows what music of "
        f"one kind shares; lowest error {errors.min():.2f}, of true music {levels['true'].min():.2f}",
    )


def nearest(vectors: np.ndarray, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each of the vectors [N, D] the nearest in the pool [M, D]: index int [N] and distance [N]."""
    distances = cdist(vectors, pool)
    index = distances.argmin(axis=1)
    return index, distances[np.arange(len(vectors)), index]


def best_matches(prints: Sequence[np.ndarray], pool: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of each of N fingerprints the one in the pool with the fewest wrong bits: index int [N] and bit error rate [N].

    4 s must overlap, or four fifths of shorter music.
    """
    longest = max((len(each) for each in (*prints, *pool)), default=1)
    least = max(1, min(round(LEAST_S / HOP_S), int(0.8 * longest)))
    errors = np.stack([lowest_errors(each, pool, least) for each in prints])  # [N, M]
    index = errors.argmin(axis=1)
    return index, errors[np.arange(len(errors)), index]


def _names(measured: Measured) -> np.ndarray:
    """object [M]."""
    return np.array([row["clip_id"] for row in measured.training_rows], object)
