"""The training stage, called by the pipeline."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from vmas_pipeline import tracking
from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.features.shards import Folder, read_index
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.registry import model_folder
from vmas_pipeline.training.checkpoints import Checkpoints, run_key
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.launcher import launch
from vmas_pipeline.training.loop import Job
from vmas_pipeline.training.plan import device_bytes, plan
from vmas_pipeline.training.pretrained import check_init_from


def train(
    config: TrainConfig,
    clip: ClipSpec,
    features: Folder,
    codec: Path,
    out: Path,
    checkpoints: Path,
    run_id: str | None = None,
) -> dict[str, float]:
    """Train a model in separate processes and write it to a model folder.

    An interrupted run resumes from its last checkpoint if settings and data are the same and `config.resume` is set; a
    finished one is trained again.

    Args:
        config: the training settings.
        clip: the clip format.
        features: folder of the shards, local or at any URL that fsspec reads.
        codec: folder of the audio codec.
        out: the model folder, written atomically.
        checkpoints: folder in which each run has a folder of checkpoints.
        run_id: the MLflow run to write to.

    Returns:
        Validation metrics of the finished model (`objective.validation_metrics`).

    Raises:
        ValueError: settings that are inconsistent with each other or with the data.
        TrainingFailed: a training process failed.
    """
    if config.engine.nodes > 1:
        raise ValueError(
            f"train.engine.nodes is {config.engine.nodes}, and only this machine's ranks can be started here: "
            "`kedro run --pipelines=train_plan` writes the job and says how to start it"
        )
    kept, job = prepare(config, clip, features, codec, out, checkpoints, run_id)
    launch(job, config.engine)
    metrics = json.loads(Job.read(job).result.read_text())
    kept.finish()
    return metrics


def prepare(
    config: TrainConfig,
    clip: ClipSpec,
    features: Folder,
    codec: Path,
    out: Path,
    checkpoints: Path,
    run_id: str | None = None,
) -> tuple[Checkpoints, Path]:
    """Check the settings, prepare the checkpoint folder, and write the job; the arguments are those of `train`.

    Returns:
        The run's checkpoints, and the job file next to them.
    """
    loaded = load_codec(codec)
    config = _fitted(config, clip, loaded)
    _check(config, loaded)
    read_index(features / "train")
    if available := device_bytes(config):
        plan(config).check(config, available)
    kept = Checkpoints(checkpoints / run_key(config, features), config.monitoring.checkpoints_kept)
    kept.begin(config.resume)
    job = Job(
        train=config,
        clip=clip,
        features=str(features.resolve()),
        codec=codec.resolve(),
        model=out.resolve(),
        checkpoints=kept.folder.resolve(),
        result=kept.folder.resolve() / "result.json",
        run_id=run_id,
        tracking_uri=tracking.store(),
        revision=tracking.provenance(Path.cwd()),
    )
    job.write(kept.folder / "job.json")
    return kept, kept.folder / "job.json"


def plan_lines(
    config: TrainConfig,
    clip: ClipSpec,
    features: Folder,
    codec: Path,
    out: Path,
    checkpoints: Path,
    run_id: str | None = None,
) -> Iterator[str]:
    """The cost of a training run and the command that starts it, line by line; the arguments are those of `train`.

    The job is written if features and codec exist.

    Raises:
        ValueError: as for `prepare`; the cost is yielded first.
    """
    if codec.is_dir():
        config = _fitted(config, clip, load_codec(codec))
    planned, engine = plan(config), config.engine
    yield from planned.lines(config)
    if available := device_bytes(config):
        planned.check(config, available)
    if not any(features.glob("train/*.tar")) or not codec.is_dir():
        yield f"no job is written: {features} or {codec} is not there yet"
        return
    _, job = prepare(config, clip, features, codec, out, checkpoints, run_id)
    yield f"on each of {engine.nodes} machines, which share {job.parent}:"
    yield (
        f"  torchrun --nnodes {engine.nodes} --nproc-per-node {engine.processes} --rdzv-backend c10d "
        f"--rdzv-endpoint HOST:29500 -m vmas_pipeline.training.loop {job}"
    )


def _fitted(config: TrainConfig, clip: ClipSpec, codec: AudioCodec) -> TrainConfig:
    """The config with the sizes that clips and codec determine; a registry address is resolved to its folder."""
    model = config.model
    if model.init_from:
        model = replace(model, init_from=str(model_folder(model.init_from)))
    return replace(config, model=model.fitted(clip, codec))


def _check(config: TrainConfig, codec: AudioCodec) -> None:
    """Raise, before any process starts, if the run cannot work here or its starting point is unusable."""
    engine = config.engine
    if config.optimiser.adaptive and engine.ranks > 1 and engine.zero_stage and not torch.cuda.is_available():
        raise ValueError(
            f"train.optimiser.name {config.optimiser.name} sums over the ranks of ZeRO on GPUs alone: set "
            "train.engine.zero_stage to 0 or train.engine.processes to 1 here, or take adamw"
        )
    check_init_from(config.model, codec.code_vectors)
