"""A small world for the evaluation: real videos, features, a real model, untrained, and the music that it made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.measure import Measured, measure
from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.features.extract import extract_features
from vmas_pipeline.media import ClipSpec, write_video
from vmas_pipeline.sample_data.midi import write_midi
from vmas_pipeline.sample_data.synthesis import synthesise
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.systems.generate import generate_clips, reconstruct_clips

from .tiny_model import CLIP, tiny_generator

GENRES = ("techno", "folk")
GENERATION = GenerationConfig(clips=6, training_clips=6, batch=4)


@dataclass(frozen=True)
class World:
    clip: ClipSpec
    model: Path
    features: Path
    manifest: Any  # DataFrame
    generated: Path
    reconstructed: Path

    def measure(self, config: EvaluationConfig, manifest: Any = None) -> Measured:
        rows = self.manifest if manifest is None else manifest
        return measure(config, self.clip, self.generated, self.reconstructed, self.features, rows)


def make_world(folder: Path) -> World:
    """Six training and six test videos of one clip each, features of both, a model and its music."""
    import pandas as pd

    generator = tiny_generator()
    generator.save(folder / "model")
    manifest = pd.DataFrame([film(folder, number) for number in range(12)])
    config, codec, features = FeaturesConfig(backend="inline"), folder / "model" / "codec", folder / "features"
    extract_features(config, CLIP, manifest, codec, features)
    system = load_system("vmas", folder / "model")
    generated = generate_clips(GENERATION, CLIP, system, features, folder / "generated" / "vmas")
    reconstructed = folder / "generated" / "codec"
    reconstruct_clips(GENERATION, load_system("codec", codec), features, reconstructed)
    return World(CLIP, folder / "model", features, manifest, generated, reconstructed)


def film(folder: Path, number: int) -> dict:
    """Write one synthetic music video with its score and return its row of the manifest."""
    made = synthesise(number, GENRES[number % 2], duration_s=CLIP.duration_s, frame_rate=12, size=48)
    path = folder / f"{number}.mp4"
    write_video(path, made.frames, 12, made.waveform[None].astype(np.float32), 16_000)
    write_midi(made.score, path.with_suffix(".mid"))
    return {
        "clip_id": f"{number:016x}-00000000",
        "source_id": f"{number:016x}",
        "source_path": str(path),
        "audio_path": str(path),
        "start_s": 0.0,
        "duration_s": CLIP.duration_s,
        "licence": None,
        "split": "train" if number < 6 else "test",
        "genre": made.genre,
        "title": f"Film {number}",
    }
