"""Small pictures of a video, for pages and for other systems."""

from pathlib import Path

import numpy as np

from vmas_pipeline.media.frames import read_frames
from vmas_pipeline.media.probe import probe


def read_preview(
    path: Path | str, *, size: int, frame_rate: float, duration_s: float, start_s: float = 0.0
) -> tuple[np.ndarray, float]:
    """The square centre of a video's picture, no larger and no faster than it is.

    Args:
        path: a video.
        size: maximum side in pixels; the side is even, as encoders ask.
        frame_rate: maximum frames per second.
        duration_s: how much of it; the end repeats the last frame.
        start_s: seconds after the first frame.

    Returns:
        uint8 RGB [T, side, side, 3], and their frames per second.

    Raises:
        MediaError: as for `read_frames`.
    """
    info = probe(path)
    rate = min(info.fps, frame_rate)
    side = max(2, min(info.width, info.height, size) // 2 * 2)
    return read_frames(path, frame_rate=rate, size=side, start_s=start_s, frames=round(duration_s * rate)), rate
