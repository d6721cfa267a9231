"""Logging of a run's steps: the progress bar, and losses and throughput in MLflow."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.tracking import RunLogger
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.objective import Losses
from vmas_pipeline.training.plan import clip_flop
from vmas_pipeline.training.throughput import StepTimer, matmul_rate

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine

LOGGED = {"train": "total", "speed": "clips_per_s", "validation": "codebook_0"}
"""Groups of metrics, and one metric of each that is always present."""


class RunLog:
    """The log of one rank; all ranks except 0 stay silent.

    Args:
        config: the training settings.
        sizes: of the model.
        logger: writes to the MLflow run; None disables it.
        rank: this process.
        device: where it trains.
    """

    def __init__(
        self, config: TrainConfig, sizes: VMAsConfig, logger: RunLogger | None, rank: int, device: torch.device
    ):
        self.config, self.sizes, self.logger, self.rank, self.device = config, sizes, logger, rank, device
        self.window: list[dict[str, float]] = []  # metrics of the steps since the last log
        self.logged: dict[str, int] = {}  # by group of metrics, the last step that this run has logged

    @contextmanager
    def open(self, done: int, previous_run: str | None) -> Iterator[None]:
        """Show the bar and write to the MLflow run for the duration of the block.

        Args:
            done: steps already done.
            previous_run: the MLflow run that did them; its curves are continued.
        """
        steps = self.config.steps
        if self.rank == 0:
            if done:
                tqdm.write(f"training goes on from the checkpoint of step {done} of {steps}")
            self.flop = clip_flop(self.sizes)
            self.rate = matmul_rate(self.device, self.config.engine.dtype)
        self.bar = tqdm(total=steps, initial=done, desc="train", unit="step", disable=self.rank != 0, mininterval=2)
        with self.logger.reopened() if self.logger else nullcontext():
            self._join_curves(done, previous_run)
            yield
        self.bar.close()

    def take(self, losses: Losses, timer: StepTimer, engine: "DeepSpeedEngine") -> None:
        """Record a step."""
        norm = engine.get_global_grad_norm()
        times = {"step_s": timer.seconds, "data_wait_s": timer.data_s}
        self.window.append({**losses.metrics(), **times} | ({} if norm is None else {"grad_norm": float(norm)}))
        self.bar.update()

    def write(self, step: int, group: dict[str, Any], slowest: int, slowness: float) -> None:
        """Log the means over the steps since the last call.

        Args:
            step: the last of them.
            group: the optimiser's first parameter group.
            slowest, slowness: from `throughput.slowest_rank`.
        """
        means = {name: float(np.mean([entry[name] for entry in self.window])) for name in self.window[0]}
        self.window = []
        self.bar.set_postfix(loss=f"{means['total']:.3f}", cb0=f"{means['codebook_0']:.3f}")
        self.metrics({"train": means | _rates(group), "speed": self._speed(means, slowest, slowness)}, step)

    def metrics(self, values: Mapping[str, Any], step: int) -> None:
        """Log groups of metrics, except for steps that this run has already logged."""
        due = {group: found for group, found in values.items() if step > self.logged.get(group, 0)}
        if self.logger and due:
            self.logger.metrics(due, step)

    def _join_curves(self, done: int, previous_run: str | None) -> None:
        """Copy what the previous run logged up to here; steps that this run has already logged are not repeated."""
        if self.logger and previous_run == self.logger.run_id:
            self.logged = {group: self.logger.last_step(f"{group}/{key}") for group, key in LOGGED.items()}
        elif self.logger and previous_run:
            self.logger.take_over(previous_run, done)

    def _speed(self, means: dict[str, float], slowest: int, slowness: float) -> dict[str, float]:
        """Speed of the steps, excluding validation and samples."""
        clips = self.config.engine.clips_a_step / means["step_s"]
        return {
            "clips_per_s": clips,
            "tokens_per_s": clips * self.sizes.tokens_per_clip,
            "data_wait_share": means["data_wait_s"] / means["step_s"],
            "flop_utilisation": clips * self.flop / (self.rate * self.config.engine.ranks),
            "slowest_rank": slowest,
            "slowest_over_mean": slowness,
        }


def _rates(group: dict[str, Any]) -> dict[str, float]:
    """The schedule's learning rate, and the estimate d of D-Adaptation or Prodigy that multiplies it."""
    return {"learning_rate": group["lr"]} | ({"d": float(group["d"])} if "d" in group else {})
