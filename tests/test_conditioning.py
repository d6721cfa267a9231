from dataclasses import replace

import numpy as np
import pytest

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.features.curves import draw_curves
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.config import vmas_base
from vmas_pipeline.training.config import ModelConfig


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 64, 3), np.uint8)


def test_the_encoder_gets_means_of_the_pixels_and_the_curves_get_all(frames):
    config = replace(vmas_base(), curves={"events": 3})
    conditions = conditions_of_frames(frames, config)
    means = frames.reshape(48, 32, 2, 32, 2, 3).mean((2, 4))
    assert conditions.frames.shape == (1, 48, 32, 32, 3)
    assert np.abs(conditions.frames[0].numpy() - means).max() <= 0.5
    drawn = draw_curves(["events"], frames, config.frame_rate)["events"]
    assert np.array_equal(conditions.curves["events"][0].numpy(), drawn)


def test_clips_that_cannot_be_shrunk_evenly_are_refused():
    clip = ClipSpec(duration_s=5.0, frame_rate=9.6, frame_size=63, sample_rate=16_000)
    with pytest.raises(ValueError, match=r"clip.frame_size \(63\) is no multiple of the model's frame_shrink \(2\)"):
        ModelConfig().fitted(clip, SinusoidalCodec(SinusoidalCodecConfig()))
