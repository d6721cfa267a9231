"""Events in a picture, independent of its content: motion, scene changes, light changes.

Each is scaled by its own range in the clip: calm and lively videos give curves of the same height.
"""

# F frames, H height, W width

import numpy as np

from vmas_pipeline.features.curves.interface import Curves
from vmas_pipeline.features.flow import mean_flow

LEAST = {"motion": 5e-4, "scene": 0.1, "light": 4e-3}
"""Rises below these are noise: picture widths per frame, fraction of the histogram, fraction of full white."""

BINS = 8
"""Levels per colour channel in the histograms that detect scene changes."""


def draw(frames: np.ndarray, frame_rate: float) -> np.ndarray:
    """Motion, scene and light changes of each frame against the previous one.

    Args:
        frames: uint8 [F, H, W, 3], RGB.
        frame_rate: unused: the curves are per frame.

    Returns:
        float32 [F, 3] in [0, 1]; zero for the first frame.
    """
    if len(frames) < 2:
        return np.zeros((len(frames), 3), np.float32)
    changes = {"motion": mean_flow(frames), "scene": _scene(frames), "light": _light(frames)}
    curves = np.stack([_scaled(change, LEAST[name]) for name, change in changes.items()], axis=1)
    return np.concatenate([np.zeros((1, 3)), curves]).astype(np.float32)


def _scene(frames: np.ndarray) -> np.ndarray:
    """Half the L1 distance between neighbouring frames' colour histograms, [F - 1]: 1 when they share no colour."""
    levels = (frames // (256 // BINS)).reshape(len(frames), -1, 3).astype(np.int64)
    codes = levels @ np.array([BINS * BINS, BINS, 1])  # [F, H * W]
    histograms = np.stack([np.bincount(code, minlength=BINS**3) for code in codes]) / codes.shape[1]
    return np.abs(np.diff(histograms, axis=0)).sum(axis=1) / 2


def _light(frames: np.ndarray) -> np.ndarray:
    """Change of the mean brightness, [F - 1]."""
    return np.abs(np.diff(frames.mean(axis=(1, 2, 3)) / 255))


def _scaled(change: np.ndarray, least: float) -> np.ndarray:
    """The rise above the median, as a fraction of the clip's largest rise or of `least`, whichever is larger."""
    rise = np.maximum(change - np.median(change), 0)
    return rise / max(float(rise.max()), least)


CURVES = Curves(3, draw)
