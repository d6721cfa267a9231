"""From clips' frames to the conditions that a model takes: the one way, in training and in generation."""

# B clips, F frames

import numpy as np
import torch

from vmas_pipeline.features.curves import draw_curves
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig


def conditions_of(frames: np.ndarray, config: VMAsConfig) -> Conditions:
    """All that a model of this config is told of its clips.

    Args:
        frames: uint8 [B, F, H, W, 3], RGB.
        config: names the curves that are drawn from them.
    """
    curves = draw_curves(config.curves, frames, config.frame_rate)
    return Conditions.of_video(torch.from_numpy(frames), {name: torch.from_numpy(c) for name, c in curves.items()})
