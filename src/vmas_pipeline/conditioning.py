"""From clips' frames to the model's conditions: a single implementation for training and generation."""

# B clips, F frames

import numpy as np
import torch

from vmas_pipeline.features.curves import draw_curves
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig


def conditions_of(frames: np.ndarray, config: VMAsConfig) -> Conditions:
    """All conditions that a model with this config takes for the given clips.

    Args:
        frames: uint8 [B, F, H, W, 3], RGB.
        config: names the curves that are computed from the frames.
    """
    curves = draw_curves(config.curves, frames, config.frame_rate)
    return Conditions.of_video(torch.from_numpy(frames), {name: torch.from_numpy(c) for name, c in curves.items()})
