"""A complete model folder with random weights, and videos to try it on."""

from pathlib import Path

import numpy as np
import torch

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.features.curves import curve_counts
from vmas_pipeline.generator import Generator
from vmas_pipeline.inference import SamplingConfig
from vmas_pipeline.media import ClipSpec, write_video
from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.vmas import VMAs

CLIP = ClipSpec(duration_s=5.0, frame_rate=9.6, frame_size=64, sample_rate=16_000)


def tiny_generator(seed: int = 0, curves: tuple[str, ...] = ()) -> Generator:
    """The embedded default's clip, with one small decoder layer and a small codec, and curves where they are named."""
    torch.manual_seed(seed)
    codec = SinusoidalCodec(SinusoidalCodecConfig(width=32, code_width=16, blocks=1)).eval()
    codec.quantiser.vq.layers.apply(_spread)
    sizes = {
        "video": {"depths": [1, 1, 1], "widths": [8, 16, 32]},
        "decoder": {"width": 32, "layers": 1, "heads": 2},
        "code_width": 16,
        "curves": curve_counts(curves),
    }
    model = VMAs(with_overrides(vmas_base(), sizes), codec.code_vectors)
    return Generator(model, codec, CLIP, SamplingConfig(top_k=20, guidance=1.5), {"steps": 0})


def _spread(module: torch.nn.Module) -> None:
    """Codebooks are zeros until the codec is trained; random ones make the tokens audible."""
    for name, buffer in module.named_buffers(recurse=False):
        if name == "embed":
            buffer.normal_()
        if name == "inited":
            buffer.fill_(True)


def film(path: Path, seconds: float, fps: int = 10, brightness: int = 40) -> Path:
    """A square that moves over grey of a brightness, without a sound: H.264 and silent AAC."""
    frames = np.full((round(seconds * fps), 32, 48, 3), brightness, np.uint8)
    for index, frame in enumerate(frames):
        left = 3 * index % 40
        frame[8:16, left : left + 8] = 220
    write_video(path, frames, fps, np.zeros((1, round(seconds * 16_000)), np.float32), 16_000)
    return path
