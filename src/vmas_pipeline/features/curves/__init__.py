"""Curves computed from a clip's frames, as optional further conditions: one file each, and a line in `CURVES`.

The features stage draws all of them for every clip; generation draws those of its model, with the same function.
"""

# F frames, E curves

from collections.abc import Iterable, Sequence

import numpy as np

from vmas_pipeline.features.curves import events, peaks
from vmas_pipeline.features.curves.interface import Curves

CURVES: dict[str, Curves] = {"events": events.CURVES, "peaks": peaks.CURVES}

ALONE = 3
"""Frames on each side of a wished strike in which the picture's own events are left out (docs/experiments.md)."""


def curve_counts(names: Iterable[str]) -> dict[str, int]:
    """The number of curves behind each name, as in `VMAsConfig.curves`.

    Raises:
        ValueError: an unknown name.
    """
    return {name: _curves(name).count for name in names}


def draw_curves(
    names: Iterable[str], frames: np.ndarray, frame_rate: float, strikes_s: Sequence[float] = ()
) -> dict[str, np.ndarray]:
    """The curves of a clip.

    Args:
        names: keys of `CURVES`.
        frames: uint8 [F, H, W, 3], RGB.
        frame_rate: frames per second.
        strikes_s: moments to mark as if the picture had its strongest event there and nothing close by, in seconds;
            those outside the clip are ignored.

    Returns:
        By name, float32 [F, E].

    Raises:
        ValueError: an unknown name, or strikes and no curves.
    """
    curves = {name: _curves(name).draw(frames, frame_rate) for name in names}
    if len(strikes_s) and not curves:
        raise ValueError(
            "hit points need a model that was trained with curves (train.model.curves), and this one was not: leave "
            "them out, or choose another model"
        )
    marked = frames_of(strikes_s, frame_rate, len(frames))
    near = [np.clip(marked + step, 0, len(frames) - 1) for step in range(-ALONE, ALONE + 1)]
    for curve in curves.values():
        curve[np.concatenate(near)] = 0
        curve[marked] = 1
    return curves


def frames_of(moments_s: Sequence[float], frame_rate: float, frames: int) -> np.ndarray:
    """The frames at which moments are marked: the later of the pair around each, as for a peak of the motion."""
    marked = np.floor(np.asarray(moments_s, float) * frame_rate).astype(int) + 1
    return marked[(marked > 0) & (marked < frames)]


def _curves(name: str) -> Curves:
    if name not in CURVES:
        raise ValueError(f"curves {name} are unknown: choose of {', '.join(CURVES)}")
    return CURVES[name]


__all__ = ["CURVES", "Curves", "curve_counts", "draw_curves"]
