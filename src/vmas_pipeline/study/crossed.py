"""Intervals over raters and videos at once: the answers of one rater are alike, and so are those about one video.

Both are drawn from larger populations, and they cross: a rater sees many videos, a video has many raters. A statistic's
variance is that of a bootstrap of the raters, plus that of a bootstrap of the videos, minus that of a bootstrap of the
single answers, which the other two both contain (Cameron, Gelbach and Miller, Robust inference with multiway
clustering, 2011). Drawing raters and videos in one bootstrap instead (the pigeonhole bootstrap: Owen 2007) counts the
noise of single answers three times; benchmarks/study.py measures both.
"""

# N answers, B resamples, D values of a statistic

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vmas_pipeline.evaluation.bootstrap import Interval

RESAMPLES = 1000

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of the answers [B, N] -> values [B, D]."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A statistic's value on the answers as they are, and its standard error."""

    value: np.ndarray  # [D]
    error: np.ndarray  # [D]
    freedom: int  # degrees of freedom: of raters or of videos, whichever are fewer

    def interval(self, i: int, low: float = -np.inf, high: float = np.inf) -> Interval:
        """The 95 % interval of value i, by Student's t, within bounds."""
        from scipy.stats import t

        value, half = float(self.value[i]), float(t.ppf(0.975, self.freedom) * self.error[i])
        return Interval(mean=value, low=max(low, value - half), high=min(high, value + half))


def crossed(statistic: Statistic, raters: np.ndarray, videos: np.ndarray, resamples: int = RESAMPLES) -> Spread:
    """A statistic with its standard error over raters and videos; deterministic.

    Args:
        statistic: any function of the answers' weights.
        raters, videos: of each answer, [N], any labels.
        resamples: of each bootstrap.

    Raises:
        ValueError: fewer than two raters or videos.
    """
    raters, videos = (np.unique(labels, return_inverse=True)[1] for labels in (raters, videos))
    fewest = min(raters.max(initial=-1), videos.max(initial=-1)) + 1
    if fewest < 2:
        raise ValueError(f"{len(raters)} answers by too few raters or about too few videos: intervals need two of each")
    rng = np.random.default_rng(0)
    by_rater, by_video, single = (
        _variance(statistic, groups, rng, resamples) for groups in (raters, videos, np.arange(len(raters)))
    )
    variance = np.maximum(by_rater + by_video - single, single)
    value = statistic(np.ones((1, len(raters))))[0]
    return Spread(value=value, error=np.sqrt(variance), freedom=int(fewest) - 1)


def _variance(statistic: Statistic, groups: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """The variance [D] over bootstraps of whole groups, unbiased."""
    count = int(groups.max()) + 1
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.nanvar(statistic(weights[:, groups].astype(float)), axis=0) * count / (count - 1)
