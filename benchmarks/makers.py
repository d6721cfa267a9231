"""What the benchmarks of generation work on: a model folder and films, or stand-ins that show only that they run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from timing import SEED

from vmas_pipeline.generator import Generator
from vmas_pipeline.media import MediaError, measure, write_video


def generator_in(folder: Path | None, device: str) -> Generator:
    """The model in a folder; without one a small untrained one, on the CPU."""
    return Generator.load(folder, device) if folder else _untrained()


def films_in(folder: Path | None, least_s: float, scratch: Path) -> list[Path]:
    """The films in a folder that last at least so long; without one a synthetic one, written to `scratch`."""
    return list(_long_films(folder, least_s)) if folder else [_film(scratch / "film.mp4", least_s)]


def _long_films(folder: Path, least_s: float) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        try:
            if path.is_file() and measure(path).duration_s >= least_s:
                yield path
        except MediaError:
            continue


def _film(path: Path, seconds: float) -> Path:
    frames = np.random.default_rng(SEED).integers(0, 255, (round(seconds * 5), 32, 32, 3), np.uint8)
    write_video(path, frames, 5, None, 16_000)
    return path


def _untrained() -> Generator:
    from vmas_pipeline.codec.config import SinusoidalCodecConfig
    from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
    from vmas_pipeline.inference import SamplingConfig
    from vmas_pipeline.media import ClipSpec
    from vmas_pipeline.model.config import vmas_base, with_overrides
    from vmas_pipeline.model.vmas import VMAs

    codec = SinusoidalCodec(SinusoidalCodecConfig(width=32, code_width=16, blocks=1)).eval()
    codec.initialise_codebooks(0.1 * torch.randn(1, 1, 160_000))
    sizes = {"video": {"depths": [1, 1, 1], "widths": [8, 16, 32]}, "decoder": {"width": 32, "layers": 1, "heads": 2}}
    config = with_overrides(vmas_base(), {**sizes, "code_width": 16, "curves": {"peaks": 1}})
    clip = ClipSpec(duration_s=5.0, frame_rate=9.6, frame_size=64, sample_rate=16_000)
    return Generator(VMAs(config, codec.code_vectors), codec, clip, SamplingConfig(guidance=1))
