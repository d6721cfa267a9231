"""Shapes that move in front of a ground."""

# T frames, P corners of a polygon

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.looks import Look
from vmas_pipeline.sample_data.picture.motion import Motion

Contours = list[np.ndarray]

_SHIFT = 4
"""Corners have this many binary places after the point."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mover:
    """A shape with a mark on it, by which its rotation is seen."""

    shape: str
    colour: tuple[int, int, int]
    mark: tuple[int, int, int]
    radius: float
    """When shown, in short sides of the picture."""
    motion: Motion
    """State: x and y of its centre from the picture's, radius (0: hidden), all in short sides; angle in radians."""


def make_mover(look: Look, radius: float, motion: Motion, random: np.random.Generator) -> Mover:
    """A mover in the genre's colours, of about the genre's brightness."""
    brightness = random.uniform(0.75, 1.0)
    colour = tuple(int(brightness * channel) for channel in look.foreground)
    mark = tuple(int(0.4 * light + 0.3 * dark) for light, dark in zip(look.foreground, look.background, strict=True))
    return Mover(shape=look.shape, colour=colour, mark=mark, radius=radius, motion=motion)  # type: ignore[arg-type]


def paint(view: np.ndarray, mover: Mover, pose: np.ndarray) -> None:
    """Paints a mover into a frame.

    Args:
        view: uint8 RGB [H, W, 3], contiguous, changed in place.
        mover: what to paint.
        pose: its centre x, y and its radius in pixels, and its angle in radians, [4].
    """
    import cv2

    x, y, radius, angle = pose
    if radius < 0.3:
        return
    turn = radius * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = [_fixed_point(contour @ turn + (x, y)) for contour in _SHAPES[mover.shape]]
    cv2.fillPoly(view, corners, mover.colour, cv2.LINE_AA, _SHIFT)
    cv2.fillPoly(view, [_fixed_point(_MARK @ turn + (x, y))], mover.mark, cv2.LINE_AA, _SHIFT)


def _fixed_point(corners: np.ndarray) -> np.ndarray:
    """Corners in the picture's coordinates, whose pixels have their centres at halves: int32 [P, 2]."""
    return np.round((corners - 0.5) * (1 << _SHIFT)).astype(np.int32)


def _circle(radius: float, corners: int = 24) -> np.ndarray:
    angles = 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


_ARM, _REACH = 0.42, 1.1
_QUARTER = np.array([(-_ARM, -_REACH), (_ARM, -_REACH), (_ARM, -_ARM)])
_CROSS = np.concatenate([_QUARTER, _QUARTER[:, ::-1] * (-1, 1), -_QUARTER, _QUARTER[:, ::-1] * (1, -1)])

_SHAPES: dict[str, Contours] = {
    "disc": [_circle(1.0)],
    "ring": [_circle(1.25), _circle(0.55)],
    "square": [0.92 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])],
    "triangle": [1.35 * _circle(1.0, 3)],
    "cross": [_CROSS],
}
"""Contours of radius about 1; a second contour is a hole."""

_MARK = _circle(0.27, 10) + np.array([0.45, 0.0])
