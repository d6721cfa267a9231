"""What a person sees of a run: the progress bar, and metrics, validation and samples in MLflow."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.audio.mel import PICTURE_RANGE_DB, mel_picture
from vmas_pipeline.codec.interface import AudioCodec
from vmas_pipeline.features.shards import Folder
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.tracking import RunLogger
from vmas_pipeline.training.adapters import merged
from vmas_pipeline.training.checkpoints import BestWeights
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.data import held_out_batches
from vmas_pipeline.training.objective import Losses, validation_metrics
from vmas_pipeline.training.optimisation import MovingAverage
from vmas_pipeline.training.plan import clip_flop
from vmas_pipeline.training.throughput import StepTimer, matmul_rate, slowest_rank

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine
    from matplotlib.figure import Figure


LOGGED = {"train": "total", "speed": "clips_per_s", "validation": "codebook_0"}
"""Groups of metrics, and one of each that is always there."""


class Monitor:
    """Reports of one rank; all but rank 0 stay silent.

    Args:
        config: how often to look at what.
        clip, codec, features: what samples and validation are made from.
        logger: writes to the MLflow run; None logs to none.
        rank: this process.
        device: where it looks.
        best: takes the weights of the best validation.
    """

    def __init__(
        self,
        config: TrainConfig,
        clip: ClipSpec,
        codec: AudioCodec,
        features: Folder,
        logger: RunLogger | None,
        rank: int,
        device: torch.device,
        best: BestWeights,
    ):
        self.config, self.clip, self.codec, self.rank = config, clip, codec.to(device), rank
        self.device = device
        self.logger = logger
        self.sizes = config.model.build()
        every = config.monitoring
        held_out = held_out_batches(features, "validation", every.validation_clips, 16) if rank == 0 else []
        self.held_out = [batch.to(device) for batch in held_out]
        self.window: list[dict[str, float]] = []  # metrics of the steps since the last log
        self.validation: dict[str, float] = {}
        self.averaged: VMAs | None = None
        self.logged: dict[str, int] = {}  # by group of metrics, the last step that this run has logged already
        self.best = best

    @contextmanager
    def open(self, done: int, previous_run: str | None) -> Iterator[None]:
        """Show the bar and write to the MLflow run for as long as the block lasts.

        Args:
            done: steps that were done before.
            previous_run: the MLflow run that did them; its curves are continued.
        """
        self.step, steps = done, self.config.steps
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

    def _join_curves(self, done: int, previous_run: str | None) -> None:
        """Take over what the run before has logged up to here; what this very run has logged is not logged again."""
        if self.logger and previous_run == self.logger.run_id:
            self.logged = {group: self.logger.last_step(f"{group}/{key}") for group, key in LOGGED.items()}
        elif self.logger and previous_run:
            self.logger.take_over(previous_run, done)

    def after_step(
        self, step: int, losses: Losses, timer: StepTimer, engine: "DeepSpeedEngine", average: MovingAverage
    ) -> None:
        """Take in a step, and log, validate or sample where one of them is due; all ranks take part."""
        self.step = step
        every, last = self.config.monitoring, step == self.config.steps
        due = step % every.log_every == 0 or last
        slowest = slowest_rank(timer.data_s + timer.alone_s, self.device) if due else None
        if self.rank != 0:
            return
        metrics = losses.metrics()
        norm = engine.get_global_grad_norm()
        times = {"step_s": timer.seconds, "data_wait_s": timer.data_s}
        self.window.append({**metrics, **times} | ({} if norm is None else {"grad_norm": float(norm)}))
        self.bar.update()
        if slowest:
            self._log(step, engine.optimizer.param_groups[0], *slowest)
        if step % every.validate_every == 0 or last:
            self._validate(step, average)
        if step % every.sample_every == 0 or last:
            self._sample(step, average)

    def has_enough(self, step: int) -> bool:
        """Whether no validation was better for as long as the run's patience lasts; all ranks take part."""
        every = self.config.monitoring
        if every.patience is None or step % every.validate_every:
            return False
        enough = [self.rank == 0 and step - self.best.step >= every.patience * every.validate_every]
        torch.distributed.broadcast_object_list(enough, src=0)
        if enough[0] and self.rank == 0:
            tqdm.write(f"no validation was better since step {self.best.step}: training ends at step {step}")
        return enough[0]

    def finish(self, average: MovingAverage, folder: Path, result: Path, provenance: dict[str, Any]) -> None:
        """Write the model folder, with the averaged weights, and the last validation's metrics."""
        if self.rank != 0:
            return
        if not self.validation and self.held_out:  # all steps were done before this process began
            self.validation = validation_metrics(self._model(average.average), self.held_out)
        best = self.config.keep == "best" and self.best.file.exists()
        model = self._model(self.best.weights() if best else average.average)
        provenance = {**provenance, "step": self.best.step if best else self.step}
        Generator(model, self.codec, self.clip, self.config.sampling, provenance).save(folder)
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(self.validation, indent=2) + "\n")

    def _log(self, step: int, group: dict[str, Any], slowest: int, slowness: float) -> None:
        means = {name: float(np.mean([entry[name] for entry in self.window])) for name in self.window[0]}
        self.window = []
        self.bar.set_postfix(loss=f"{means['total']:.3f}", cb0=f"{means['codebook_0']:.3f}")
        self._metrics({"train": means | _rates(group), "speed": self._speed(means, slowest, slowness)}, step)

    def _speed(self, means: dict[str, float], slowest: int, slowness: float) -> dict[str, float]:
        """Of the steps alone, without validation and samples."""
        clips = self.config.engine.clips_a_step / means["step_s"]
        return {
            "clips_per_s": clips,
            "tokens_per_s": clips * self.sizes.tokens_per_clip,
            "data_wait_share": means["data_wait_s"] / means["step_s"],
            "flop_utilisation": clips * self.flop / (self.rate * self.config.engine.ranks),
            "slowest_rank": slowest,
            "slowest_over_mean": slowness,
        }

    def _metrics(self, values: Mapping[str, Any], step: int) -> None:
        """Log groups of metrics, but those of steps that this run has logged before."""
        due = {group: found for group, found in values.items() if step > self.logged.get(group, 0)}
        if self.logger and due:
            self.logger.metrics(due, step)

    def _validate(self, step: int, average: MovingAverage) -> None:
        if not self.held_out:
            return
        self.validation = validation_metrics(self._model(average.average), self.held_out)
        self.best.offer(self.validation[self.config.monitoring.best_by], step, average)
        self._metrics({"validation": self.validation}, step)

    def _sample(self, step: int, average: MovingAverage) -> None:
        clips = self.config.monitoring.sample_clips
        if not (self.logger and self.held_out and clips):
            return
        generator = Generator(self._model(average.average), self.codec, self.clip, self.config.sampling)
        frames = self.held_out[0].conditions.frames[:clips].cpu().numpy()
        seeds = range(self.config.seed, self.config.seed + len(frames))
        for index, waveform in enumerate(generator.generate_from_frames(frames, seeds)):
            name = f"sample_{index}"
            self.logger.audio(name, waveform, self.codec.sample_rate, step)
            self.logger.figure(f"{name}_spectrogram", spectrogram(waveform, self.codec.sample_rate), step)

    def _model(self, weights: Mapping[str, Tensor]) -> VMAs:
        """A model of its own with the averaged weights given."""
        adapters = self.config.adapters
        if self.averaged is None or adapters:
            self.averaged = VMAs(self.sizes, self.codec.code_vectors).to(self.device).eval()
        if adapters:
            return merged(self.averaged, weights, adapters).eval()
        self.averaged.load_state_dict(weights, strict=False)  # the code vectors are there already
        return self.averaged


def _rates(group: dict[str, Any]) -> dict[str, float]:
    """The schedule's learning rate, and D-Adaptation's or Prodigy's estimate d, by which it is multiplied."""
    return {"learning_rate": group["lr"]} | ({"d": float(group["d"])} if "d" in group else {})


def spectrogram(waveform: np.ndarray, sample_rate: int) -> "Figure":
    """The mel spectrogram of a waveform [N], in dB below its maximum."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.5), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds", ylabel="mel band")
    seconds = len(waveform) / sample_rate
    picture = mel_picture(waveform, sample_rate)
    extent = (0, seconds, 0, len(picture))
    image = axes.imshow(
        picture, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-PICTURE_RANGE_DB, vmax=0
    )
    figure.colorbar(image, ax=axes, format="%+.0f dB")
    return figure
