"""A small world for the evaluation: real films, shards and a real model, untrained."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.figures import Figures, compute_figures
from vmas_pipeline.evaluation.measure import Measured, measure
from vmas_pipeline.features.clip import extract_clip
from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.features.shards import write_shard
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec, write_video
from vmas_pipeline.sample_data.synthesis import synthesise

from ..tiny_model import CLIP, tiny_generator

GENRES = ("techno", "folk")


@dataclass(frozen=True)
class World:
    clip: ClipSpec
    generator: Generator
    features: Path
    manifest: Any  # DataFrame


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """Six training and six test videos of one clip each, shards of both, and a model."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("world")
    generator = tiny_generator()
    manifest = pd.DataFrame([film(folder, number) for number in range(12)])
    for split, rows in manifest.groupby("split"):
        samples = [extract_clip(row, FeaturesConfig(), CLIP, generator.codec) for row in rows.to_dict("records")]
        write_shard(folder / "features" / str(split) / "000000.tar", samples)
    return World(CLIP, generator, folder / "features", manifest)


def film(folder: Path, number: int) -> dict:
    """Write one synthetic music video and return its row of the manifest."""
    made = synthesise(number, GENRES[number % 2], duration_s=CLIP.duration_s, frame_rate=12, size=48)
    path = folder / f"{number}.mp4"
    write_video(path, made.frames, 12, made.waveform[None].astype(np.float32), 16_000)
    return {
        "clip_id": f"{number:016x}-00000000",
        "source_id": f"{number:016x}",
        "source_path": str(path),
        "audio_path": str(path),
        "start_s": 0.0,
        "duration_s": CLIP.duration_s,
        "split": "train" if number < 6 else "test",
        "genre": made.genre,
        "title": f"Film {number}",
    }


@pytest.fixture(scope="session")
def config() -> EvaluationConfig:
    return EvaluationConfig(clips=6, training_clips=6, batch=4, report_clips=2)


@pytest.fixture(scope="session")
def measured(world, config) -> Measured:
    return measure(config, world.clip, world.generator, world.features, world.manifest)


@pytest.fixture(scope="session")
def figures(measured, config, world) -> Figures:
    return compute_figures(config, measured, world.clip.frame_rate)
