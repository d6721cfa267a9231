"""What Video2Music sees of a video, once a second: how it looks, how much it moves, how long its scene has lasted.

The original looks through CLIP and knows six emotions of CLIP's; here are coarse colours, and no emotions.
"""

# F frames, S seconds, D width

from math import ceil

import numpy as np

from vmas_pipeline.features.cuts import new_shots
from vmas_pipeline.features.resize import resize_frames

PICTURE = 8
"""Pixels on a side of the picture of a second."""

SHORTEST_SCENE_S = 0.5

FEATURES = 3 * PICTURE**2 + 2
"""Width: colours, motion, seconds since the last cut."""


def seconds_of(frames: np.ndarray, frame_rate: float) -> np.ndarray:
    """The features of each second.

    Args:
        frames: square, uint8 [F, H, H, 3], RGB, at least one.
        frame_rate: per second.

    Returns:
        float32 [S, D]; a second that has begun counts.
    """
    second = np.floor(np.arange(len(frames)) / frame_rate).astype(int)
    coarse = resize_frames(frames, PICTURE).reshape(len(frames), -1).astype(np.float32) / 255
    motion = np.abs(np.diff(coarse, axis=0, prepend=coarse[:1])).mean(axis=1)
    since = _since_cut(frames, frame_rate)
    rows = []
    for number in range(ceil(len(frames) / frame_rate)):
        inside = np.flatnonzero(second == number)
        own = inside if len(inside) else [min(round(number * frame_rate), len(frames) - 1)]
        rows.append(np.concatenate([coarse[own].mean(axis=0), [motion[own].mean(), since[own[0]]]]))
    return np.stack(rows).astype(np.float32)


def _since_cut(frames: np.ndarray, frame_rate: float) -> np.ndarray:
    """Seconds since the last cut before each frame, [F], by PySceneDetect's adaptive detector as in the original."""
    starts = np.zeros(len(frames), int)
    for number in new_shots(frames, frame_rate, min_scene_len=max(1, round(SHORTEST_SCENE_S * frame_rate))):
        starts[number:] = number
    return (np.arange(len(frames)) - starts) / frame_rate
