"""Checkpoints: written atomically, limited in number, found by the settings and data of their run."""

import hashlib
import json
import math
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from vmas_pipeline.features.shards import Folder
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.optimisation import MovingAverage
from vmas_pipeline.training.state import WEIGHTS, load_state, load_weights, save_state

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine

FINISHED = "finished"
AVERAGE = "average.safetensors"
BEST = "best.safetensors"
CONTENTS = "contents.json"
PROGRESS = "progress.json"

# Settings that may change when a run resumes without changing what is learnt.
_IRRELEVANT = ("resume", "monitoring", "sampling", "divergence", "keep", "engine")


def run_key(config: TrainConfig, features: Folder) -> str:
    """The folder name for checkpoints of these settings and this data, 16 hexadecimal digits.

    Only the same settings on the same data resume a run; anything else starts one in another folder. Of the engine,
    only precision and clips per step matter: ranks, ZeRO stage and the split of a step into micro-batches may change.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in _IRRELEVANT}
    settings |= {"precision": config.engine.precision, "clips_a_step": config.engine.clips_a_step}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update((features / "train" / "index.parquet").read_bytes())
    return digest.hexdigest()[:16]


class CheckpointError(RuntimeError):
    """A checkpoint could not be written; the message says why, and from which step the run will resume."""


class Checkpoints:
    """The checkpoints of one run: a folder each, named by step, written under another name and renamed when complete.

    Each lists its files with their sizes and checksums, and is verified against the list before it is read.
    """

    def __init__(self, folder: Path, kept: int):
        self.folder, self.kept = folder, kept

    def save(self, engine: "DeepSpeedEngine", step: int, average: MovingAverage, progress: dict[str, Any]) -> None:
        """Write a checkpoint; all ranks take part.

        Args:
            engine: has the weights and the optimiser.
            step: optimiser steps done.
            average: rank 0's is written.
            progress: other state needed to resume or useful to readers, as JSON; the same on all ranks.

        Raises:
            CheckpointError: the folder is not writable, or full. Earlier checkpoints are kept.
        """
        partial = self.folder / f"{self._name(step)}.partial"
        if dist.get_rank() == 0:
            shutil.rmtree(partial, ignore_errors=True)
        with self._explained(step, partial):
            if dist.get_rank() == 0:
                partial.mkdir()
            save_state(engine, partial)
            if dist.get_rank() == 0:
                save_file(average.average, partial / AVERAGE, metadata={"updates": str(average.updates)})
                (partial / PROGRESS).write_text(json.dumps(progress, indent=2) + "\n")
                (partial / CONTENTS).write_text(json.dumps(contents(partial), indent=2) + "\n")
        if dist.get_rank() == 0:
            shutil.rmtree(self.folder / self._name(step), ignore_errors=True)
            partial.rename(self.folder / self._name(step))
            for old in self.steps()[: -self.kept]:
                shutil.rmtree(self.folder / self._name(old))
        dist.barrier()

    def last_whole(self) -> int | None:
        """The newest step whose checkpoint is intact; damaged ones are set aside. All ranks take part."""
        found: list[int | None] = [None]
        if dist.get_rank() == 0:
            for step in reversed(self.steps()):
                folder = self.folder / self._name(step)
                if (damage := what_is_damaged(folder)) is None:
                    found = [step]
                    break
                folder.rename(folder.with_suffix(".damaged"))
                tqdm.write(f"the checkpoint of step {step} is damaged ({damage}); it is kept as {folder.name}.damaged")
        dist.broadcast_object_list(found, src=0)
        return found[0]

    def load_weights(self, step: int, model: nn.Module) -> None:
        """Load a complete checkpoint's weights into a model: the trained ones, and frozen ones from the average."""
        load_weights(model, self.folder / self._name(step) / WEIGHTS, self.folder / self._name(step) / AVERAGE)

    def load(self, step: int, engine: "DeepSpeedEngine", average: MovingAverage) -> dict[str, Any]:
        """Restore optimiser and average from a complete checkpoint; all ranks take part. Returns its progress."""
        folder = self.folder / self._name(step)
        load_state(engine, folder)
        if dist.get_rank() == 0:
            with safe_open(folder / AVERAGE, "pt") as file:
                average.load({name: file.get_tensor(name) for name in average.average}, int(file.metadata()["updates"]))
        return json.loads((folder / PROGRESS).read_text())

    @contextmanager
    def _explained(self, step: int, partial: Path) -> Iterator[None]:
        """If a file cannot be written, clean up and explain what failed."""
        try:
            yield
        except (OSError, RuntimeError, SafetensorError) as error:
            if "gloo" in str(error) or isinstance(error, dist.DistError):
                raise
            shutil.rmtree(partial, ignore_errors=True)
            raise CheckpointError(self._failure(step, error)) from error

    def _failure(self, step: int, error: Exception) -> str:
        goes_on = f"from step {self.steps()[-1]}" if self.steps() else "from the beginning"
        # torch's writer does not report the system's reason
        reason = error.strerror if isinstance(error, OSError) else f"{str(error).splitlines()[0]}; is the disk full?"
        return (
            f"the checkpoint of step {step} could not be written to {self.folder} ({reason}): make room, or let it be "
            f"written to; started again, the run goes on {goes_on}"
        )

    @staticmethod
    def _name(step: int) -> str:
        return f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps that have a complete checkpoint, ascending."""
        return sorted(int(path.name[5:]) for path in self.folder.glob("step-????????"))

    def begin(self, resume: bool) -> None:
        """Prepare for a run: remove a finished run's checkpoints, and an unfinished one's unless it is resumed.

        Raises:
            ValueError: the folder cannot be created or written to.
        """
        if not resume or (self.folder / FINISHED).exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise ValueError(f"checkpoints cannot be written to {self.folder} ({error.strerror})") from error
        for leftover in self.folder.glob("*.partial"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def finish(self) -> None:
        """Mark the run as finished, which makes the next one start from scratch, and remove its checkpoints."""
        (self.folder / FINISHED).touch()
        for step in self.steps():
            shutil.rmtree(self.folder / self._name(step))


class BestWeights:
    """The averaged weights of the best validation so far, in a file next to the checkpoints; rank 0 only."""

    def __init__(self, folder: Path):
        self.file = folder / BEST
        self.value, self.step = math.inf, 0
        if self.file.exists():
            with safe_open(self.file, "pt") as file:
                self.value, self.step = float(file.metadata()["value"]), int(file.metadata()["step"])

    def offer(self, value: float, step: int, average: MovingAverage) -> None:
        """Keep the weights of this step if their value is lower than all previous ones."""
        if value < self.value:
            self.value, self.step = value, step
            partial = self.file.with_suffix(".partial")
            save_file(average.average, partial, metadata={"value": repr(value), "step": str(step)})
            partial.rename(self.file)

    def weights(self) -> dict[str, torch.Tensor]:
        return load_file(self.file)


def contents(folder: Path) -> dict[str, list[int]]:
    """Size and CRC-32 of every file in a folder, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CONTENTS)
    return {str(path.relative_to(folder)): [path.stat().st_size, _checksum(path)] for path in files}


def what_is_damaged(folder: Path) -> str | None:
    """How a checkpoint's files differ from those that were written; None if they do not."""
    try:
        written = json.loads((folder / CONTENTS).read_text())
    except (OSError, json.JSONDecodeError):
        return f"{CONTENTS} is missing or unreadable"
    for name, (size, checksum) in written.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes of {size}"
        if _checksum(path) != checksum:
            return f"{name} has other contents"
    return None


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(2**22):
            value = zlib.crc32(block, value)
    return value
