"""The model's conditions, from a video's frames or from the features of clips."""

# B clips, F frames

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vmas_pipeline.features.curves import draw_curves
from vmas_pipeline.features.resize import resize_frames
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig

if TYPE_CHECKING:
    from vmas_pipeline.features.shards import Sample


def conditions_of_frames(frames: np.ndarray, config: VMAsConfig, strikes_s: Sequence[float] = ()) -> Conditions:
    """All conditions that a model takes for one clip.

    Args:
        frames: uint8 [F, H, W, 3], RGB, of the clip's size.
        config: names the curves that are drawn from the frames, and has the size at which the encoder takes them.
        strikes_s: moments at which the music shall strike, seconds from the first frame; those outside are ignored.

    Returns:
        A batch of one.

    Raises:
        ValueError: strikes for a model without curves.
    """
    curves = draw_curves(config.curves, frames, config.frame_rate, strikes_s)
    return _stacked([frames], [curves], config.video.frame_size)


def conditions_of_samples(samples: "Sequence[Sample]", config: VMAsConfig) -> Conditions:
    """All conditions that a model takes for clips whose features are extracted.

    Args:
        samples: B clips.
        config: names the curves, which the samples contain.

    Raises:
        ValueError: a curve that the features lack.
    """
    if missing := sorted(set(config.curves) - set(samples[0].curves)):
        raise ValueError(
            f"the features of clip {samples[0].clip_id} lack the curves {', '.join(missing)}: run "
            "`kedro run --pipelines=features` again"
        )
    curves = [{name: sample.curves[name] for name in config.curves} for sample in samples]
    return _stacked([sample.frames for sample in samples], curves, config.video.frame_size)


def _stacked(frames: Sequence[np.ndarray], curves: Sequence[Mapping[str, np.ndarray]], size: int) -> Conditions:
    drawn = {name: torch.from_numpy(np.stack([clip[name] for clip in curves])) for name in curves[0]}
    return Conditions.of_video(torch.from_numpy(np.stack([resize_frames(clip, size) for clip in frames])), drawn)
