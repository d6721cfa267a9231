"""MV Align of one piece of music: do notes start when the picture moves?

Over many clips, and with its levels, it is a metric: `evaluation.metrics.alignment`.
"""

import numpy as np

from vmas_pipeline.audio.onsets import match_times

_ROUNDING_S = 1e-6  # times are float32


def mv_align(onsets_s: np.ndarray, peaks_s: np.ndarray, frame_rate: float) -> float:
    """Overlap of the music's onsets with the peaks of the video's optical flow, as intersection over union.

    An onset and a peak match when they are at most one frame period apart; each matches at most once, and the number of
    pairs is maximal. With m pairs the score is m / (onsets + peaks - m).

    Two onsets near one peak count once, and the peak at 2.0 s has no onset:

    >>> mv_align([0.95, 1.02, 3.0], [1.0, 2.0, 3.05], frame_rate=9.6)
    0.5

    Args:
        onsets_s: Onset times of the music in seconds, any order.
        peaks_s: Peak times of the mean flow magnitude in seconds, any order.
        frame_rate: Frames per second of the video that the peaks are from.

    Returns:
        A score in [0, 1]: 1 when every onset has a peak and vice versa, 0 when nothing matches. Also 0 when either side
        is empty or both are: silence never counts as alignment.

    Raises:
        ValueError: A frame rate that is not positive, or non-finite times.
    """
    count = len(matched_pairs(onsets_s, peaks_s, frame_rate))
    return count / (np.size(onsets_s) + np.size(peaks_s) - count) if count else 0.0


def matched_pairs(onsets_s: np.ndarray, peaks_s: np.ndarray, frame_rate: float) -> list[tuple[int, int]]:
    """The pairs that `mv_align` counts: indices of an onset and a peak, sorted by time.

    Args:
        onsets_s, peaks_s, frame_rate: as for `mv_align`.

    Raises:
        ValueError: as for `mv_align`.
    """
    if not frame_rate > 0:
        raise ValueError(f"frame_rate ({frame_rate}) must be positive")
    onsets, peaks = (np.asarray(times, np.float64).ravel() for times in (onsets_s, peaks_s))
    if not (np.isfinite(onsets).all() and np.isfinite(peaks).all()):
        raise ValueError("onsets_s and peaks_s must be finite times in seconds")
    return match_times(onsets, peaks, 1 / frame_rate + _ROUNDING_S)
