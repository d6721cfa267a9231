"""What happens in a picture, whatever it shows: motion, change of the scene, change of the light.

Each is scaled by its own range in the clip, so that a calm film and a wild one give curves of one height.
"""

# F frames, H height, W width

import numpy as np

from vmas_pipeline.features.curves.interface import Curves
from vmas_pipeline.features.flow import mean_flow

LEAST = {"motion": 2e-3, "scene": 0.1, "light": 4e-3}
"""Rises below these are noise: widths of the picture a frame, share of the histogram, share of full white."""

BINS = 8
"""Levels of each colour in the histograms that scenes are told apart by."""


def draw(frames: np.ndarray, frame_rate: float) -> np.ndarray:
    """Motion, scene and light from each frame to the one before it.

    Args:
        frames: uint8 [F, H, W, 3], RGB.
        frame_rate: unused: the curves are by frame.

    Returns:
        float32 [F, 3] in [0, 1]; the first frame has none.
    """
    if len(frames) < 2:
        return np.zeros((len(frames), 3), np.float32)
    changes = {"motion": mean_flow(frames), "scene": _scene(frames), "light": _light(frames)}
    curves = np.stack([_scaled(change, LEAST[name]) for name, change in changes.items()], axis=1)
    return np.concatenate([np.zeros((1, 3)), curves]).astype(np.float32)


def _scene(frames: np.ndarray) -> np.ndarray:
    """Half the L1 distance of the colour histograms of two neighbours, [F - 1]: 1 when no colour stays."""
    levels = (frames // (256 // BINS)).reshape(len(frames), -1, 3).astype(np.int64)
    codes = levels @ np.array([BINS * BINS, BINS, 1])  # [F, H * W]
    histograms = np.stack([np.bincount(code, minlength=BINS**3) for code in codes]) / codes.shape[1]
    return np.abs(np.diff(histograms, axis=0)).sum(axis=1) / 2


def _light(frames: np.ndarray) -> np.ndarray:
    """Change of the mean brightness, [F - 1]."""
    return np.abs(np.diff(frames.mean(axis=(1, 2, 3)) / 255))


def _scaled(change: np.ndarray, least: float) -> np.ndarray:
    """The rise above the median, in parts of the clip's largest, which counts as `least` at the least."""
    rise = np.maximum(change - np.median(change), 0)
    return rise / max(float(rise.max()), least)


CURVES = Curves(3, draw)
