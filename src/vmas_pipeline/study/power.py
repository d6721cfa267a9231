"""How many raters a study needs."""

# N answers

import math
from dataclasses import dataclass

import numpy as np

Z_INTERVAL, Z_POWER = 1.959964, 0.841621
"""Normal quantiles of a 95 % interval and of 80 % power."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of a single answer's preference: 1 for the first system, 0 for neither, -1 for the second."""

    raters: float  # between raters' own leanings to one system
    videos: float  # between videos: the systems are not equally good on all
    answers: float  # what is left


TYPICAL = Components(raters=0.03, videos=0.07, answers=0.7)
"""For planning, before there is any answer: what the simulated population of `simulation.Truth` comes to."""


def components(preferences: np.ndarray, raters: np.ndarray, videos: np.ndarray) -> Components:
    """Estimate them from answers, by the products of pairs that share a rater, or a video.

    Args:
        preferences: -1, 0 or 1, [N].
        raters, videos: of each answer, [N].
    """
    residuals = preferences - preferences.mean()
    by_rater, by_video = (_shared(residuals, groups) for groups in (raters, videos))
    total = float((residuals**2).mean())
    return Components(raters=by_rater, videos=by_video, answers=max(total - by_rater - by_video, 0.0))


def _shared(residuals: np.ndarray, groups: np.ndarray) -> float:
    """The mean product of two answers of one group; 0 if it is negative or there are none."""
    _, index = np.unique(groups, return_inverse=True)
    sums, squares, sizes = np.bincount(index, residuals), np.bincount(index, residuals**2), np.bincount(index)
    pairs = (sizes * (sizes - 1)).sum()
    return max(float((sums**2 - squares).sum() / pairs), 0.0) if pairs else 0.0


def standard_error(parts: Components, raters: int, videos: int, per_rater: float) -> float:
    """Of the mean preference, if every rater answers about `per_rater` of the videos."""
    return math.sqrt(parts.raters / raters + parts.videos / videos + parts.answers / (raters * per_rater))


def raters_needed(difference: float, parts: Components, videos: int, per_rater: float) -> int | None:
    """Raters for a 95 % interval above 0 in four studies of five.

    Args:
        difference: the share that prefers the first system minus that which prefers the second, to be found.
        parts: of a single answer.
        videos: in the study.
        per_rater: answers of one rater about these two systems.

    Returns:
        None if no number will do: the videos are too few.
    """
    left = (difference / (Z_INTERVAL + Z_POWER)) ** 2 - parts.videos / videos
    return math.ceil((parts.raters + parts.answers / per_rater) / left) if left > 0 else None


DIFFERENCES = (0.1, 0.15, 0.2, 0.3, 0.4)
"""For which the tables give the number of raters."""


def power_table(parts: Components, videos: int, per_rater: float) -> dict[float, int | None]:
    """`raters_needed` for each of `DIFFERENCES`."""
    return {difference: raters_needed(difference, parts, videos, per_rater) for difference in DIFFERENCES}
