"""Shapes that move in front of a ground."""

# T frames, P corners of a polygon

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.looks import Look
from vmas_pipeline.sample_data.picture.motion import Motion

Contours = list[np.ndarray]

_SHIFT = 4
"""Corners have this many binary places after the point."""

_LEAST_RADIUS = 0.3
"""In pixels: what is smaller is not painted."""


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


def make_mover(look: Look, radius: float, brightness: float, motion: Motion) -> Mover:
    """A mover in the genre's colours, `brightness` times as bright as the genre's foreground."""
    colour = tuple(int(brightness * channel) for channel in look.foreground)
    mark = tuple(int(0.4 * light + 0.3 * dark) for light, dark in zip(look.foreground, look.background, strict=True))
    return Mover(shape=look.shape, colour=colour, mark=mark, radius=radius, motion=motion)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlines:
    """Where a mover is in each frame, ready to be painted."""

    mover: Mover
    contours: list[np.ndarray]
    """Corners in fixed point, int32 [T, P, 2] each."""
    mark: np.ndarray
    """Likewise."""
    visible: np.ndarray
    """Bool [T]."""

    def paint(self, view: np.ndarray, frame: int) -> None:
        """Paints it into a frame, contiguous uint8 RGB [H, W, 3], in place."""
        import cv2

        if self.visible[frame]:
            contours = [corners[frame] for corners in self.contours]
            cv2.fillPoly(view, contours, self.mover.colour, cv2.LINE_AA, _SHIFT)
            cv2.fillPoly(view, [self.mark[frame]], self.mover.mark, cv2.LINE_AA, _SHIFT)


def outlines(mover: Mover, poses: np.ndarray) -> Outlines:
    """The mover's corners, from its x, y and radius in pixels and its angle in radians, [T, 4]."""
    return Outlines(
        mover=mover,
        contours=[_placed(contour, poses) for contour in _SHAPES[mover.shape]],
        mark=_placed(_MARK, poses),
        visible=poses[:, 2] > _LEAST_RADIUS,
    )


def _placed(contour: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Corners [P, 2] of radius 1 in fixed point, for pictures whose pixels have centres at halves: int32 [T, P, 2]."""
    radius, angle = poses[:, 2], poses[:, 3]
    cosine, sine = radius * np.cos(angle), radius * np.sin(angle)
    turns = np.stack([np.stack([cosine, sine], 1), np.stack([-sine, cosine], 1)], 1)  # [T, 2, 2]
    corners = contour @ turns + poses[:, None, :2]
    return np.asarray(np.round((corners - 0.5) * (1 << _SHIFT)).astype(np.int32))


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
