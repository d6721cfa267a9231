"""A very small data set and training for the tests of this room."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.features.shards import Sample, write_shard
from vmas_pipeline.inference import SamplingConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.training.config import EngineConfig, ModelConfig, MonitoringConfig, OptimiserConfig, TrainConfig

CLIP = ClipSpec(duration_s=1.0, frame_rate=8.0, frame_size=16, sample_rate=16_000)
TOKENS, CARD = 50, 256

SMALL_MODEL = {
    "frame_rate": 8.0,
    "frame_shrink": 1,
    "video": {
        "frames": 8, "frame_size": 16, "depths": [1, 1], "widths": [8, 16], "heads": [1, 2],
        "pool_strides": [2], "windows": [2, None],
    },
    "decoder": {"width": 16, "layers": 1, "heads": 2},
}  # fmt: skip


def config_of_a_small_run(**changes) -> TrainConfig:
    settings = {
        "model": ModelConfig(size="vmas_base", overrides=SMALL_MODEL),
        "optimiser": OptimiserConfig(warmup_steps=2),
        "engine": EngineConfig(micro_batch=4),
        "monitoring": MonitoringConfig(
            log_every=2, validate_every=4, validation_clips=4, sample_every=6, sample_clips=1, checkpoint_every=3
        ),
        "sampling": SamplingConfig(top_k=10, guidance=2.0),
        "steps": 6,
    }
    return TrainConfig(**{**settings, **changes})


def random_sample(index: int) -> Sample:
    draw = np.random.default_rng(index)
    beats = np.arange(TOKENS) % 10 == 0
    return Sample(
        clip_id=f"clip-{index:04d}",
        frames=draw.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8),
        codes=draw.integers(0, CARD, (4, TOKENS)).astype(np.int16),
        beat_weights=np.where(beats, 1.0, 0.5).astype(np.float32),
        music_beats=beats,
        video_beats=beats,
        flow=draw.random(7, dtype=np.float32),
        onsets_s=np.array([0.2], np.float32),
        peaks_s=np.array([0.2], np.float32),
        curves={"events": draw.random((8, 3), dtype=np.float32)},
        row={},
    )


@pytest.fixture(scope="session")
def clip() -> ClipSpec:
    return CLIP


@pytest.fixture(scope="session")
def small_config():
    """A function of the settings that differ."""
    return config_of_a_small_run


@pytest.fixture(scope="session")
def features(tmp_path_factory) -> Path:
    """Four training shards of six clips, one validation shard of four."""
    folder = tmp_path_factory.mktemp("features")
    write_split(folder / "train", [[random_sample(shard * 6 + i) for i in range(6)] for shard in range(4)])
    write_split(folder / "validation", [[random_sample(100 + i) for i in range(4)]])
    return folder


def write_split(folder: Path, shards: list[list[Sample]]) -> None:
    """Shards and their index, as the features stage leaves them."""
    rows = []
    for number, samples in enumerate(shards):
        spans = write_shard(folder / f"{number:06d}.tar", samples)
        rows += [
            {
                "clip_id": sample.clip_id,
                "source_id": sample.clip_id,
                "shard": f"{number:06d}.tar",
                "offset": offset,
                "length": length,
            }
            for sample, (offset, length) in zip(samples, spans, strict=True)
        ]
    pd.DataFrame(rows).to_parquet(folder / "index.parquet")


@pytest.fixture(scope="session")
def codec(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "codec"
    SinusoidalCodec(SinusoidalCodecConfig(width=16, blocks=1)).save(folder)
    return folder


@pytest.fixture
def new_run(tmp_path, monkeypatch):
    """A function that opens an MLflow run in a store of its own, and the store's client."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = MlflowClient()
    experiment = client.create_experiment("training", artifact_location=str(tmp_path / "artifacts"))
    return lambda: client.create_run(experiment).info.run_id, client
