"""A training step of the whole model: DeepSpeed's ZeRO as a training run has it, against plain PyTorch.

    python benchmarks/zero.py             # ZeRO 2 on two ranks over gloo, the embedded default's size
    python benchmarks/zero.py --stage 3
    python benchmarks/zero.py --device cuda --precision bf16 --size vmas_paper --layers 12    # a rank on each GPU

Both take the same batches with the same loss, clipping and AdamW, by turns in the same processes of one thread each;
plain PyTorch is DistributedDataParallel, in bf16 on a copy of the float32 weights. The fastest of the repeats counts,
in seconds of the wall's clock. The line printed is a JSON object: seconds a step.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec

import torch
import torch.distributed as dist
from plain import plain_step
from timing import SEED, add_device, begin, print_line
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import SIZES
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import EngineConfig, ModelConfig, ObjectiveConfig, TrainConfig
from vmas_pipeline.training.data import Batch
from vmas_pipeline.training.loop import build_engine, join_ranks
from vmas_pipeline.training.objective import batch_losses
from vmas_pipeline.training.optimisation import build_optimiser

STEPS = 5
"""Between two looks at the clock."""


def main() -> None:
    options = _options()
    name = f"zero: seconds a step on {options.ranks} ranks, ZeRO {options.stage} against DistributedDataParallel"
    if find_spec("deepspeed") is None:
        why = "deepspeed is not installed"
        return print_line(name, ours=None, peer=None, unit="seconds", why=why, **vars(options))
    if "RANK" not in os.environ:
        raise SystemExit(_start(options.ranks, options.threads))
    device = torch.device(options.device, int(os.environ["LOCAL_RANK"]) if options.device == "cuda" else None)
    if options.device == "cuda":
        torch.cuda.set_device(device)
    join_ranks(device, patience_s=300)
    config, batch = _config(options), _batch(options, device)
    seconds = _fastest({"ours": _engine_step(config, batch), "plain": _plain_step(config, batch)}, options)
    if dist.get_rank() == 0:
        print_line(name, ours=seconds["ours"], peer=seconds["plain"], unit="seconds", **vars(options))
    dist.destroy_process_group()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", type=int, default=2, choices=(0, 1, 2, 3))
    parser.add_argument("--size", default="vmas_base", choices=SIZES)
    parser.add_argument("--layers", type=int, help="of the music decoder; the size's own when left out")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--batch", type=int, default=8, help="clips a rank")
    parser.add_argument("--ranks", type=int, help="two when left out, and of GPUs as many as there are")
    parser.add_argument("--repeats", type=int, default=8)
    add_device(parser)
    options = begin(parser)
    options.ranks = options.ranks or (torch.cuda.device_count() if options.device == "cuda" else 2)
    return options


def _start(ranks: int, threads: int) -> int:
    """This script again, under torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), *sys.argv]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}).returncode


def _config(options: argparse.Namespace) -> TrainConfig:
    overrides = {"decoder": {"layers": options.layers}} if options.layers else {}
    return TrainConfig(
        steps=1,
        model=ModelConfig(size=options.size, overrides=overrides),
        engine=EngineConfig(
            processes=options.ranks, zero_stage=options.stage, micro_batch=options.batch, precision=options.precision
        ),
    )


def _fastest(steps: dict[str, Callable[[], None]], options: argparse.Namespace) -> dict[str, float]:
    """Seconds a step, the least of the repeats, from all ranks' meeting to their next."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.repeats):
        for name, step in steps.items():
            started = _met(options.device)
            for _ in range(STEPS):
                step()
            seconds[name].append((_met(options.device) - started) / STEPS)
    return {name: min(times) for name, times in seconds.items()}


def _met(device: str) -> float:
    """The wall's clock when all ranks are there, their devices idle."""
    if device == "cuda":
        torch.cuda.synchronize()
    dist.barrier()
    return time.perf_counter()


def _engine_step(config: TrainConfig, batch: Batch) -> Callable[[], None]:
    engine = build_engine(_model(config), config, done=0)

    def step() -> None:
        output = engine(batch.conditions, batch.codes)
        engine.backward(batch_losses(output, batch, ObjectiveConfig()).total)
        engine.step()

    return step


def _plain_step(config: TrainConfig, batch: Batch) -> Callable[[], None]:
    stepped = _model(config).to(batch.codes.device)
    copy = deepcopy(stepped).to(torch.bfloat16) if config.engine.precision == "bf16" else stepped
    worked = DistributedDataParallel(copy)

    def loss() -> Tensor:
        return batch_losses(worked(batch.conditions, batch.codes), batch, ObjectiveConfig()).total

    return plain_step(stepped, worked, loss, build_optimiser(stepped, config.optimiser), config.optimiser.max_grad_norm)


def _model(config: TrainConfig) -> VMAs:
    torch.manual_seed(SEED)
    return VMAs(config.model.build())


def _batch(options: argparse.Namespace, device: torch.device) -> Batch:
    sizes, clips = _config(options).model.build(), options.batch
    generator = torch.Generator().manual_seed(SEED + dist.get_rank())
    video = (clips, sizes.frames_per_clip, sizes.video.frame_size, sizes.video.frame_size, 3)
    tokens = sizes.tokens_per_clip
    return Batch(
        conditions=Conditions.of_video(torch.randint(0, 256, video, dtype=torch.uint8, generator=generator)),
        codes=torch.randint(0, sizes.decoder.card, (clips, sizes.decoder.codebooks, tokens), generator=generator),
        beat_weights=torch.ones(clips, tokens),
    ).to(device)


if __name__ == "__main__":
    main()
