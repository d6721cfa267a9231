"""Peaks of the flow curve: the moments that MV Align matches with onsets."""

from typing import Literal

import numpy as np

PeakMethod = Literal["prominent", "local_maximum"]

REACH = 2  # frame pairs either side
PROMINENCE = 0.25  # of the largest rise above the median


def flow_peaks(flow: np.ndarray, frame_rate: float, method: PeakMethod = "prominent") -> np.ndarray:
    """Times of the peaks of the mean flow magnitude.

    Args:
        flow: mean flow magnitude of each frame pair, [F - 1].
        frame_rate: frames per second.
        method: "local_maximum", the field's: a pair with more flow than both neighbours. "prominent", ours: the flow
            minus its clip median is the maximum within two pairs on either side and at least a quarter of the clip's
            largest; it ignores the noise ripples that raise the chance level of the first.

    Returns:
        float32 [m], seconds, ascending: (i + 0.5) / frame_rate for the pair of frames i and i + 1. Empty when there are
        fewer than three pairs.

    Raises:
        ValueError: an unknown method.

    >>> flow_peaks(np.array([0, 0, 4, 0, 0, 0.5, 0, 0, 3, 0]), 2.0)
    array([1.25, 4.25], dtype=float32)
    >>> flow_peaks(np.array([0, 0, 4, 0, 0, 0.5, 0, 0, 3, 0]), 2.0, "local_maximum")
    array([1.25, 2.75, 4.25], dtype=float32)
    """
    curve = np.asarray(flow, np.float64)
    if curve.size < 3:
        return np.zeros(0, np.float32)
    if method == "prominent":
        rise = curve - np.median(curve)
        chosen = _local_maxima(rise) & (rise > 0) & (rise >= PROMINENCE * rise.max())
    elif method == "local_maximum":
        inner = (curve[1:-1] > curve[:-2]) & (curve[1:-1] > curve[2:])
        chosen = np.concatenate([[False], inner, [False]])
    else:
        raise ValueError(f"peak method {method!r} is unknown: choose 'prominent' or 'local_maximum'")
    return ((np.flatnonzero(chosen) + 0.5) / frame_rate).astype(np.float32)


def _local_maxima(curve: np.ndarray) -> np.ndarray:
    """Above all `REACH` values before and not below the `REACH` after: on a plateau the first counts."""
    padded = np.pad(curve, REACH, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1)
    earlier, later = windows[:, :REACH].max(axis=1), windows[:, REACH + 1 :].max(axis=1)
    return (curve > earlier) & (curve >= later)
