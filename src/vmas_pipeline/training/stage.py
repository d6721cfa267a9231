"""The training stage: what the pipeline calls."""

import json
import shutil
import tempfile
from pathlib import Path

import torch

from vmas_pipeline.media import ClipSpec
from vmas_pipeline.training.checkpoints import Checkpoints, run_key
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.launcher import launch
from vmas_pipeline.training.loop import Job
from vmas_pipeline.training.pretrained import check_files


def train(
    config: TrainConfig,
    clip: ClipSpec,
    features: Path,
    codec: Path,
    out: Path,
    checkpoints: Path,
    run_id: str | None = None,
) -> dict[str, float]:
    """Train a model in processes of its own and leave it in a model folder.

    A run that was cut short goes on from its last checkpoint where settings and data are the same and `config.resume`
    holds; a finished one is trained again.

    Args:
        config: the training's settings.
        clip: what a clip is.
        features: folder of the shards.
        codec: folder of the audio codec.
        out: the model folder to write, whole or not at all.
        checkpoints: folder in which each run keeps a folder of checkpoints.
        run_id: the MLflow run to write to.

    Returns:
        Validation figures of the finished model (`objective.validation_figures`).

    Raises:
        ValueError: settings that do not fit each other or the data.
        TrainingFailed: a process of the training failed.
    """
    _check(config, clip, codec)
    kept = Checkpoints(checkpoints / run_key(config, features), config.watch.checkpoints_kept)
    kept.begin(config.resume)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            train=config,
            clip=clip,
            features=features.resolve(),
            codec=codec.resolve(),
            model=out.resolve(),
            checkpoints=kept.folder.resolve(),
            result=Path(folder) / "result.json",
            run_id=run_id,
        )
        job.write(Path(folder) / "job.json")
        launch(Path(folder) / "job.json", config.engine)
        figures = json.loads(job.result.read_text())
    kept.finish()
    for step in kept.steps():
        shutil.rmtree(kept.folder / f"step-{step:08d}")
    return figures


def _check(config: TrainConfig, clip: ClipSpec, codec: Path) -> None:
    """Refuse a model that does not fit the clips or the codec, before any process starts."""
    from vmas_pipeline.codec.interface import load_codec

    check_files(config.model)
    engine = config.engine
    if config.optimiser.adaptive and engine.processes > 1 and engine.zero_stage and not torch.cuda.is_available():
        raise ValueError(
            f"train.optimiser.name {config.optimiser.name} sums over the ranks of ZeRO on GPUs alone: set "
            "train.engine.zero_stage to 0 or train.engine.processes to 1 here, or take adamw"
        )
    model, loaded = config.model.build(), load_codec(codec)
    pairs = {
        "video.frames": (model.frames_per_clip, clip.frames_per_clip),
        "video.frame_size": (model.video.frame_size, clip.frame_size),
        "frame_rate": (model.frame_rate, clip.frame_rate),
        "token_rate": (model.token_rate, loaded.frame_rate),
        "decoder.codebooks": (model.decoder.codebooks, loaded.codebooks),
        "decoder.card": (model.decoder.card, loaded.card),
        "code_width": (model.code_width, loaded.code_vectors.shape[-1]),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise ValueError(
                f"the model's {name} is {ours}, but clips and codec have {theirs}: "
                f"set train.model.overrides.{name} or the clip's settings"
            )
