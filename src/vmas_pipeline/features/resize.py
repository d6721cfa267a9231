"""Resizes frames."""

import numpy as np


def resize_frames(frames: np.ndarray, size: int) -> np.ndarray:
    """Resize the short side to `size`, keeping the aspect ratio; smaller frames are averages over areas.

    Args:
        frames: uint8 [T, H, W, 3].
        size: pixels.

    Returns:
        uint8 [T, H', W', 3], the frames themselves if they have that size.
    """
    height, width = frames.shape[1:3]
    if min(height, width) == size:
        return frames
    import cv2

    scale = size / min(height, width)
    target = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, target, interpolation=method) for frame in frames])
