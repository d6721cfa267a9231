"""A run's log, validation and export, each at its scheduled steps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.export import Exporter
from vmas_pipeline.training.objective import Losses
from vmas_pipeline.training.optimisation import MovingAverage
from vmas_pipeline.training.run_log import RunLog
from vmas_pipeline.training.throughput import StepTimer, slowest_rank
from vmas_pipeline.training.validation import Validation

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine


@dataclass
class Monitor:
    """Schedules the parts; on all ranks except 0 they are silent."""

    config: TrainConfig
    log: RunLog
    validation: Validation
    exporter: Exporter
    step: int = 0
    """Optimiser steps done."""

    @contextmanager
    def open(self, done: int, previous_run: str | None) -> Iterator[None]:
        """See `RunLog.open`."""
        self.step = done
        with self.log.open(done, previous_run):
            yield

    def after_step(
        self, step: int, losses: Losses, timer: StepTimer, engine: "DeepSpeedEngine", average: MovingAverage
    ) -> None:
        """Record a step, and log, validate or sample if due; all ranks take part."""
        self.step = step
        monitoring, last = self.config.monitoring, step == self.config.steps
        due = step % monitoring.log_every == 0 or last
        slowest = slowest_rank(timer.data_s + timer.alone_s, self.log.device) if due else None
        if self.log.rank != 0:
            return
        self.log.take(losses, timer, engine)
        if slowest:
            self.log.write(step, engine.optimizer.param_groups[0], *slowest)
        if step % monitoring.validate_every == 0 or last:
            self._validate(step, average)
        if step % monitoring.sample_every == 0 or last:
            self._sample(step, average)

    def finish(self, average: MovingAverage, folder: Path, result: Path, provenance: dict[str, Any]) -> None:
        """Write the model folder with the averaged weights, and the last validation's metrics."""
        if self.log.rank != 0:
            return
        if not self.validation.metrics:  # all steps were done before this process began
            self.validation.measure(self.exporter.model(average.average))
        best = self.validation.best
        use_best = self.config.keep == "best" and best.file.exists()
        model = self.exporter.model(best.weights() if use_best else average.average)
        self.exporter.save(model, folder, {**provenance, "step": best.step if use_best else self.step})
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(self.validation.metrics, indent=2) + "\n")

    def _validate(self, step: int, average: MovingAverage) -> None:
        if metrics := self.validation.measure(self.exporter.model(average.average)):
            self.validation.keep_best(step, average)
            self.log.metrics({"validation": metrics}, step)

    def _sample(self, step: int, average: MovingAverage) -> None:
        clips, batches = self.config.monitoring.sample_clips, self.validation.batches
        if self.log.logger and batches and clips:
            shown = batches[0].conditions.map(lambda tensor: tensor[:clips])
            self.exporter.log_samples(self.exporter.model(average.average), shown, self.log.logger, step)
