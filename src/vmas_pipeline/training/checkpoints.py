"""Checkpoints: whole or not there, kept by number, found again by what they were made from."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from vmas_pipeline.training.config import TrainConfig

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine

FINISHED = "finished"

# What may change between a run and its continuation without changing what is learnt.
_IRRELEVANT = ("resume", "watch", "sampling")


def run_key(config: TrainConfig, features: Path) -> str:
    """The folder name for checkpoints of these settings and this data, 16 hexadecimal digits.

    Only the same settings on the same data continue a run; anything else starts one in another folder.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in _IRRELEVANT}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for index in sorted((features / "train").glob("*.parquet")):
        digest.update(index.read_bytes())
    return digest.hexdigest()[:16]


class Checkpoints:
    """The checkpoints of one run: a folder each, named by step, written under another name and renamed when whole."""

    def __init__(self, folder: Path, kept: int):
        self.folder, self.kept = folder, kept

    def save(self, engine: "DeepSpeedEngine", step: int, state: dict[str, Any]) -> None:
        """Write a checkpoint; all ranks take part.

        Args:
            engine: weights, optimiser and schedule.
            step: optimiser steps done.
            state: whatever else the loop needs to go on, the same on all ranks.
        """
        name = f"step-{step:08d}"
        partial = f"{name}.partial"
        if dist.get_rank() == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.folder / partial, ignore_errors=True)
        dist.barrier()
        engine.save_checkpoint(str(self.folder), tag=partial, client_state={**state, "step": step}, save_latest=False)
        torch.save(_random_state(), self.folder / partial / f"random-{dist.get_rank()}.pt")
        dist.barrier()
        if dist.get_rank() == 0:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / partial).rename(self.folder / name)
            for old in self.steps()[: -self.kept]:
                shutil.rmtree(self.folder / f"step-{old:08d}")
        dist.barrier()

    def load_last(self, engine: "DeepSpeedEngine") -> dict[str, Any] | None:
        """Restore engine and random states from the newest checkpoint; returns its state, None if there is none."""
        steps = self.steps()
        if not steps:
            return None
        tag = f"step-{steps[-1]:08d}"
        _, state = engine.load_checkpoint(str(self.folder), tag=tag)
        _restore_random_state(torch.load(self.folder / tag / f"random-{dist.get_rank()}.pt", weights_only=False))
        return state

    def steps(self) -> list[int]:
        """Steps that have a whole checkpoint, ascending."""
        return sorted(int(path.name[5:]) for path in self.folder.glob("step-????????"))

    def begin(self, resume: bool) -> None:
        """Make way for a run: a finished one's checkpoints go, and so do an unfinished one's unless it is resumed."""
        if not resume or (self.folder / FINISHED).exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        """Mark the run as finished: the next one of the same settings starts anew."""
        (self.folder / FINISHED).touch()


def _random_state() -> dict[str, Any]:
    return {"torch": torch.get_rng_state()}


def _restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
