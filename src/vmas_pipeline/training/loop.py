"""One process of a training run. The same module runs under our launcher, torchrun, SLURM or deepspeed's own:

torchrun --nproc-per-node 8 -m vmas_pipeline.training.loop JOB.json
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated
from torch.distributed.elastic.multiprocessing.errors import record
from tqdm import tqdm

from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.checkpoints import BestWeights, Checkpoints
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.data import Batch, TrainingData
from vmas_pipeline.training.divergence import LossGuard
from vmas_pipeline.training.objective import Losses, batch_losses
from vmas_pipeline.training.optimisation import MovingAverage, build_optimiser, full_weights, learning_rate_factor
from vmas_pipeline.training.pretrained import load_pretrained
from vmas_pipeline.training.roll_call import RollCall
from vmas_pipeline.training.watch import Watch

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine


@validated(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Job:
    """What a process of the run has to know; written as JSON by the launcher."""

    train: TrainConfig
    clip: ClipSpec
    features: Path
    """Shards, as the features stage writes them."""
    codec: Path
    """Folder of the audio codec."""
    model: Path
    """Where the model folder goes."""
    checkpoints: Path
    """Folder of this run's checkpoints."""
    result: Path
    """Where the figures of the finished run go, as JSON."""
    run_id: str | None = None
    """The MLflow run to write to; None writes to none."""

    def write(self, path: Path) -> None:
        path.write_bytes(TypeAdapter(Job).dump_json(self, indent=2))

    @classmethod
    def read(cls, path: Path) -> "Job":
        return TypeAdapter(Job).validate_json(path.read_bytes())


@dataclass
class Run:
    """The parts of a running training."""

    job: Job
    engine: "DeepSpeedEngine"
    average: MovingAverage
    checkpoints: Checkpoints
    last: int | None
    """The step of the checkpoint to go on from."""
    data: TrainingData
    guard: LossGuard
    watch: Watch
    device: torch.device
    taken: int = 0
    """Micro-batches that each rank has taken from its data."""


def train_rank(job: Job) -> None:
    """Train, in this process among the run's, until all steps are done; then rank 0 writes model and result."""
    import deepspeed

    device = _device()
    torch.set_num_threads(job.train.engine.threads)
    # DeepSpeed would compile an all-reduce over shared memory, which takes a compiler and a minute: gloo serves.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    patience = timedelta(seconds=job.train.engine.timeout_s)
    deepspeed.init_distributed("nccl" if device.type == "cuda" else "gloo", timeout=patience)
    roll_call = RollCall(job.train.engine.timeout_s)
    run = _prepare(job, device)
    done = 0
    if run.last:
        done, run.taken = run.last, run.checkpoints.load(run.last, run.engine, run.average, run.guard)
    run.watch.start(done, job.train.steps)
    batches = run.data.batches(start=run.taken)
    for step in range(done + 1, job.train.steps + 1):
        with roll_call.step(step):
            losses, waited = _optimiser_step(run, batches, step)
            if step % job.train.ema_every == 0:
                run.average.update(full_weights(run.engine, job.train.engine.sharded))
            run.watch.after_step(step, losses, waited, run.engine, run.average)
            if step % job.train.watch.checkpoint_every == 0 or step == job.train.steps:
                run.checkpoints.save(run.engine, step, run.average, run.guard, run.taken)
            if run.watch.has_enough(step):
                break
    run.watch.finish(run.average, job.model, job.result, _provenance(job))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _prepare(job: Job, device: torch.device) -> Run:
    import deepspeed

    config, rank, ranks = job.train, torch.distributed.get_rank(), torch.distributed.get_world_size()
    codec = load_codec(job.codec)
    torch.manual_seed(config.seed)
    model = VMAs(config.model.build(), codec.code_vectors)
    checkpoints = Checkpoints(job.checkpoints, config.watch.checkpoints_kept)
    last = checkpoints.last_whole()
    started_from = [] if last else load_pretrained(model, config.model)  # a checkpoint replaces them
    if rank == 0:
        tqdm.write("\n".join(started_from), end="\n" if started_from else "")
    torch.manual_seed(config.seed + 1 + rank)  # equal weights, but each rank drops other videos
    optimiser = build_optimiser(model, config.optimiser, sharded=ranks > 1 and config.engine.zero_stage > 0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step, config.steps, config.optimiser)
    )
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=optimiser,
        lr_scheduler=schedule,
        config=config.engine.deepspeed(config.optimiser.clip),
    )
    return Run(
        job=job,
        engine=engine,
        average=MovingAverage(full_weights(engine, config.engine.sharded), config.ema_decay, kept=rank == 0),
        checkpoints=checkpoints,
        last=last,
        data=TrainingData(
            job.features,
            batch=config.engine.micro_batch,
            shuffle_buffer=config.shuffle_buffer,
            seed=config.seed,
            rank=rank,
            ranks=ranks,
        ),
        guard=LossGuard(config.divergence),
        watch=Watch(
            config, job.clip, codec, job.features, job.run_id if rank == 0 else None, rank, BestWeights(job.checkpoints)
        ),
        device=device,
    )


def _optimiser_step(run: Run, batches: Iterator[Batch], step: int) -> tuple[Losses, float]:
    """All micro-batches of one optimiser step; returns the last one's losses and the seconds spent waiting for data."""
    config, waited, stepped = run.job.train, 0.0, 0
    run.engine.train()
    while stepped < config.engine.accumulation:
        asked = time.perf_counter()
        batch = next(batches).to(run.device)
        run.taken += 1
        waited += time.perf_counter() - asked
        with_video = torch.rand(len(batch.codes)) >= config.objective.condition_dropout
        output = run.engine(batch.video().to(config.engine.dtype), batch.codes, with_video.to(run.device))
        losses = batch_losses(output, batch, config.objective)
        if run.guard.accepts(losses.total, step):
            run.engine.backward(losses.total)
            run.engine.step()
            stepped += 1
    return losses, waited


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _provenance(job: Job) -> dict[str, Any]:
    """What the model folder says of its training."""
    return {"run_id": job.run_id, "config": json.loads(json.dumps(asdict(job.train), default=str))}


@record
def main() -> None:
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    train_rank(Job.read(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
