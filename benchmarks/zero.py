"""A training step of the whole model on two ranks: DeepSpeed's ZeRO as a training run has it, against plain PyTorch.

    python benchmarks/zero.py             # ZeRO 2 on gloo against DistributedDataParallel, the embedded default's size
    python benchmarks/zero.py --stage 3

Both take the same batches with the same loss, clipping and AdamW, by turns in the same two processes of one thread
each; the fastest of the repeats counts, in seconds of the wall's clock. The line printed is a JSON object: seconds a
step.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from timing import print_line
from torch.nn.parallel import DistributedDataParallel

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import EngineConfig, ObjectiveConfig, TrainConfig
from vmas_pipeline.training.data import Batch
from vmas_pipeline.training.loop import build_engine, join_ranks
from vmas_pipeline.training.objective import batch_losses
from vmas_pipeline.training.optimisation import build_optimiser

STEPS = 5
"""Between two looks at the clock."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", type=int, default=2, choices=(0, 1, 2, 3))
    parser.add_argument("--batch", type=int, default=8, help="clips a rank")
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args()
    if "RANK" not in os.environ:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *sys.argv]
        raise SystemExit(subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode)
    torch.set_num_threads(1)
    join_ranks(torch.device("cpu"), patience_s=300)
    steps = {"ours": _engine_step(options), "plain": _plain_step(options)}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.repeats):
        for name, step in steps.items():
            dist.barrier()
            started = time.perf_counter()
            for _ in range(STEPS):
                step()
            dist.barrier()
            seconds[name].append((time.perf_counter() - started) / STEPS)
    if dist.get_rank() == 0:
        ours, plain = min(seconds["ours"]), min(seconds["plain"])
        print_line(
            name=f"zero: seconds a step on two ranks, ZeRO {options.stage} against DistributedDataParallel",
            ours=ours,
            peer=plain,
            ratio=ours / plain,
            **vars(options),
        )
    dist.destroy_process_group()


def _engine_step(options: argparse.Namespace) -> Callable[[], None]:
    layout = EngineConfig(processes=2, zero_stage=options.stage, micro_batch=options.batch)
    config = TrainConfig(engine=layout)
    engine, batch = build_engine(_model(config), config, done=0), _batch(options.batch)

    def step() -> None:
        output = engine(batch.conditions, batch.codes)
        engine.backward(batch_losses(output, batch, ObjectiveConfig()).total)
        engine.step()

    return step


def _plain_step(options: argparse.Namespace) -> Callable[[], None]:
    config = TrainConfig()
    model, batch = DistributedDataParallel(_model(config)), _batch(options.batch)
    optimiser = build_optimiser(model.module, config.optimiser)

    def step() -> None:
        optimiser.zero_grad()
        output = model(batch.conditions, batch.codes)
        batch_losses(output, batch, ObjectiveConfig()).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimiser.max_grad_norm)
        optimiser.step()

    return step


def _model(config: TrainConfig) -> VMAs:
    torch.manual_seed(0)
    return VMAs(config.model.build())


def _batch(size: int) -> Batch:
    generator = torch.Generator().manual_seed(dist.get_rank())
    return Batch(
        conditions=Conditions.of_video(
            torch.randint(0, 256, (size, 48, 32, 32, 3), dtype=torch.uint8, generator=generator)
        ),
        codes=torch.randint(0, 256, (size, 4, 250), generator=generator),
        beat_weights=torch.ones(size, 250),
    )


if __name__ == "__main__":
    main()
