"""One process of a training run. The same module runs under our launcher, torchrun, SLURM or deepspeed's own:

torchrun --nproc-per-node 8 -m vmas_pipeline.training.loop JOB.json
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated
from torch.distributed.elastic.multiprocessing.errors import record
from tqdm import tqdm
from upath import UPath

from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.stand_ins import defer_compiler, import_deepspeed
from vmas_pipeline.tracking import RunLogger
from vmas_pipeline.training.checkpoints import BestWeights, Checkpoints
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.data import Batch, Positions, ShuffledClips, TrainingBatch, training_batches
from vmas_pipeline.training.divergence import LossGuard
from vmas_pipeline.training.export import Exporter
from vmas_pipeline.training.launcher import die_with_parent
from vmas_pipeline.training.monitoring import Monitor
from vmas_pipeline.training.objective import Losses, batch_losses
from vmas_pipeline.training.optimisation import MovingAverage, build_optimiser, learning_rate_factor, make_ready
from vmas_pipeline.training.pretrained import load_pretrained
from vmas_pipeline.training.rank_barrier import RankBarrier
from vmas_pipeline.training.run_log import RunLog
from vmas_pipeline.training.state import full_weights
from vmas_pipeline.training.throughput import StepTimer
from vmas_pipeline.training.validation import Validation

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine


@validated(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Job:
    """Everything that a process of the run needs; written as JSON by the launcher."""

    train: TrainConfig
    clip: ClipSpec
    features: str
    """Folder or URL of the shards written by the features stage."""
    codec: Path
    """Folder of the audio codec."""
    model: Path
    """Where the model folder goes."""
    checkpoints: Path
    """Folder of this run's checkpoints."""
    result: Path
    """Where the metrics of the finished run are written, as JSON."""
    run_id: str | None = None
    """The MLflow run to write to; None disables logging."""
    tracking_uri: str | None = None
    """Tracking store of that run; None for the store in the process's environment."""
    revision: dict[str, str] = field(default_factory=dict)
    """Revisions of the code, the data and the libraries (`tracking.provenance`)."""

    def write(self, path: Path) -> None:
        path.write_bytes(TypeAdapter(Job).dump_json(self, indent=2))

    @classmethod
    def read(cls, path: Path) -> "Job":
        return TypeAdapter(Job).validate_json(path.read_bytes())


@dataclass
class Run:
    """The parts of an ongoing training run."""

    job: Job
    engine: "DeepSpeedEngine"
    average: MovingAverage
    checkpoints: Checkpoints
    done: int
    """Optimiser steps done before this process began."""
    clips: ShuffledClips
    guard: LossGuard
    monitor: Monitor
    device: torch.device
    previous_run: str | None = None
    """The MLflow run that wrote the checkpoint from which this one resumes."""
    taken: int = 0
    """Clips taken from the data so far, by all ranks together."""

    @property
    def progress(self) -> dict[str, Any]:
        """What a checkpoint stores besides weights, optimiser and average."""
        return {"taken": self.taken, "guard": self.guard.state(), **_provenance(self.job)}


def train_rank(job: Job) -> None:
    """Train in this process, one of the run's, until all steps are done; then rank 0 writes model and result."""
    device = _device()
    torch.set_num_threads(job.train.engine.threads)
    join_ranks(device, job.train.engine.timeout_s)
    if (started := torch.distributed.get_world_size()) != job.train.engine.ranks:
        raise ValueError(
            f"{started} ranks were started for a job of {job.train.engine.ranks}: start as many, or set "
            "train.engine.processes and train.engine.nodes and start the job again"
        )
    barrier = RankBarrier(job.train.engine.timeout_s)
    run = _prepare(job, device)
    with run.monitor.open(run.done, run.previous_run):
        _train(run, barrier)
        run.monitor.finish(run.average, job.model, job.result, _provenance(job))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def join_ranks(device: torch.device, patience_s: float) -> None:
    """Join the process group (gloo on CPUs), with a limit on how long ranks wait for one another."""
    deepspeed = import_deepspeed()
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    # DeepSpeed would compile an all-reduce over shared memory, which needs a compiler and a minute: gloo suffices.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(seconds=patience_s))


def _train(run: Run, barrier: RankBarrier) -> None:
    """Run all remaining steps."""
    job, batches = run.job, _batches(run)
    for step in range(run.done + 1, job.train.steps + 1):
        with barrier.step(step):
            losses, timer = _optimiser_step(run, batches, step)
            if step % job.train.ema_every == 0:
                run.average.update(full_weights(run.engine, job.train.engine.sharded))
            run.monitor.after_step(step, losses, timer, run.engine, run.average)
            if step % job.train.monitoring.checkpoint_every == 0 or step == job.train.steps:
                run.checkpoints.save(run.engine, step, run.average, run.progress)
            if run.monitor.validation.has_enough(step):
                break


def _prepare(job: Job, device: torch.device) -> Run:
    """Build the run's parts, from scratch or from the last complete checkpoint."""
    config, rank = job.train, torch.distributed.get_rank()
    codec = load_codec(job.codec)
    torch.manual_seed(config.seed)
    model = VMAs(config.model.build(), codec.code_vectors)
    checkpoints = Checkpoints(job.checkpoints, config.monitoring.checkpoints_kept)
    done = checkpoints.last_whole() or 0
    if not done and (started_from := load_pretrained(model, config.model)) and rank == 0:
        tqdm.write("\n".join(started_from))
    make_ready(model, config)
    if done:
        checkpoints.load_weights(done, model)
    average = MovingAverage(model.named_parameters(), config.ema_decay, kept=rank == 0)
    average.to(device)
    run = Run(
        job=job,
        engine=build_engine(model, config, done),
        average=average,
        checkpoints=checkpoints,
        done=done,
        clips=ShuffledClips(UPath(job.features), seed=config.seed, share=config.data_share),
        guard=LossGuard(config.divergence),
        monitor=_monitor(job, model.config, codec, rank, device),
        device=device,
    )
    if done:
        progress = checkpoints.load(done, run.engine, average)
        run.taken, run.previous_run = progress["taken"], progress["run_id"]
        run.guard.load(progress["guard"])
    return run


def _monitor(job: Job, sizes: VMAsConfig, codec: AudioCodec, rank: int, device: torch.device) -> Monitor:
    config = job.train
    logger = RunLogger(job.run_id, job.tracking_uri) if job.run_id and rank == 0 else None
    return Monitor(
        config,
        RunLog(config, sizes, logger, rank, device),
        Validation(config, UPath(job.features), BestWeights(job.checkpoints), rank, device),
        Exporter(config, sizes, job.clip, codec, device),
    )


def build_engine(model: VMAs, config: TrainConfig, done: int) -> "DeepSpeedEngine":
    """DeepSpeed's engine, with its schedule advanced by `done` steps."""
    if not config.engine.compile:
        defer_compiler()
    sharded = config.engine.ranks > 1 and config.engine.zero_stage > 0
    optimiser = build_optimiser(model, config.optimiser, sharded)
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step, config.steps, config.optimiser), last_epoch=done - 1
    )
    engine, *_ = import_deepspeed().initialize(
        model=model,
        optimizer=optimiser,
        lr_scheduler=schedule,
        config=config.engine.deepspeed(config.optimiser.max_grad_norm),
    )
    if config.engine.compile:
        engine.compile()
    return engine


def _batches(run: Run) -> Iterator[Batch]:
    """This rank's batches from the run's current position."""
    config, engine = run.job.train, run.job.train.engine
    stack = TrainingBatch(config.model.build(), config.objective, config.seed)
    positions = Positions(run.taken, engine.micro_batch, torch.distributed.get_rank(), engine.ranks)
    return training_batches(run.clips, positions, stack, engine.workers)


def _optimiser_step(run: Run, batches: Iterator[Batch], step: int) -> tuple[Losses, StepTimer]:
    """Run all micro-batches of one optimiser step; returns the last one's losses and the step's timer."""
    config, stepped, timer = run.job.train, 0, StepTimer(run.device)
    torch.manual_seed(_seed(config.seed, step, torch.distributed.get_rank()))
    run.engine.train()
    while stepped < config.engine.accumulation:
        with timer.waiting():
            batch = next(batches).to(run.device)
        run.taken += config.engine.micro_batch * config.engine.ranks
        with timer.alone():
            output = run.engine(batch.conditions, batch.codes)
            losses = batch_losses(output, batch, config.objective)
        if run.guard.accepts(losses.total, step):
            run.engine.backward(losses.total)
            run.engine.step()
            stepped += 1
    timer.end()
    return losses, timer


def _seed(*numbers: int) -> int:
    """Seed of a rank's random draws in a step (stochastic depth): no generator state has to be saved."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _provenance(job: Job) -> dict[str, Any]:
    """Training provenance stored in the model folder."""
    return {
        "run_id": job.run_id,
        "revision": job.revision,
        "config": json.loads(json.dumps(asdict(job.train), default=str)),
    }


@record
def main() -> None:
    die_with_parent(signal.SIGKILL)  # a launcher killed outright cannot stop its ranks
    train_rank(Job.read(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
