"""Curves computed from a clip's frames, as optional further conditions: one file each, and a line in `CURVES`.

The features stage draws all of them for every clip; generation draws those of its model, with the same function.
"""

# F frames, E curves

from collections.abc import Iterable

import numpy as np

from vmas_pipeline.features.curves import events, peaks
from vmas_pipeline.features.curves.interface import Curves

CURVES: dict[str, Curves] = {"events": events.CURVES, "peaks": peaks.CURVES}


def curve_counts(names: Iterable[str]) -> dict[str, int]:
    """The number of curves behind each name, as in `VMAsConfig.curves`.

    Raises:
        ValueError: an unknown name.
    """
    return {name: _curves(name).count for name in names}


def draw_curves(names: Iterable[str], frames: np.ndarray, frame_rate: float) -> dict[str, np.ndarray]:
    """The curves of a clip.

    Args:
        names: keys of `CURVES`.
        frames: uint8 [F, H, W, 3], RGB.
        frame_rate: frames per second.

    Returns:
        By name, float32 [F, E].

    Raises:
        ValueError: an unknown name.
    """
    return {name: _curves(name).draw(frames, frame_rate) for name in names}


def _curves(name: str) -> Curves:
    if name not in CURVES:
        raise ValueError(f"curves {name} are unknown: choose of {', '.join(CURVES)}")
    return CURVES[name]


__all__ = ["CURVES", "Curves", "curve_counts", "draw_curves"]
