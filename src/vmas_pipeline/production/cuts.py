"""A video's cuts, by PySceneDetect's adaptive detector."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vmas_pipeline.features.cuts import new_shots
from vmas_pipeline.media import Limits, read_frames

FRAME_RATE = 24.0
SIZE = 96
_CHUNK = round(20 * FRAME_RATE)
"""Frames read at once: memory does not grow with the video's length."""


def find_cuts(
    video: Path,
    start_s: float,
    end_s: float,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> list[float]:
    """Times at which a new shot begins, in seconds, to the nearest 24th.

    Args:
        video: the file.
        start_s, end_s: the part that is looked at.
        limits: of reading it.
    """
    total = max(1, int((end_s - start_s) * FRAME_RATE))
    shots = new_shots(_frames(video, start_s, total, limits), FRAME_RATE)
    return [start_s + number / FRAME_RATE for number in shots]


def _frames(video: Path, start_s: float, total: int, limits: Limits) -> Iterator[np.ndarray]:
    for first in range(0, total, _CHUNK):
        yield from read_frames(
            video,
            frame_rate=FRAME_RATE,
            size=SIZE,
            start_s=start_s + first / FRAME_RATE,
            frames=min(_CHUNK, total - first),
            limits=limits,
        )
