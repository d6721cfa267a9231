"""What a person sees of a run: the progress bar, and metrics, validation and samples in MLflow."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.codec.interface import AudioCodec
from vmas_pipeline.codec.mel import PICTURE_RANGE_DB, mel_picture
from vmas_pipeline.features.shards import Folder
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.tracking import RunLogger
from vmas_pipeline.training.adapters import merged
from vmas_pipeline.training.checkpoints import BestWeights
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.data import held_out_batches
from vmas_pipeline.training.objective import Losses, validation_figures
from vmas_pipeline.training.optimisation import MovingAverage

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine
    from matplotlib.figure import Figure


class Watch:
    """Reports of one rank; all but rank 0 stay silent.

    Args:
        config: how often to look at what.
        clip, codec, features: what samples and validation are made from.
        run_id: the MLflow run; None logs to none.
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
        run_id: str | None,
        rank: int,
        device: torch.device,
        best: BestWeights,
    ):
        self.config, self.clip, self.codec, self.rank = config, clip, codec.to(device), rank
        self.device = device
        self.logger = RunLogger(run_id) if run_id else None
        watch = config.watch
        held_out = held_out_batches(features, "validation", watch.validation_clips, 16) if rank == 0 else []
        self.held_out = [batch.to(device) for batch in held_out]
        self.window: list[dict[str, float]] = []  # figures of the steps since the last log
        self.validation: dict[str, float] = {}
        self.averaged: VMAs | None = None
        self.since = time.perf_counter()
        self.best = best

    def start(self, done: int, steps: int) -> None:
        """Show the bar, at the step where the run goes on."""
        self.step = done
        if self.rank == 0 and done:
            tqdm.write(f"training goes on from the checkpoint of step {done} of {steps}")
        self.bar = tqdm(total=steps, initial=done, desc="train", unit="step", disable=self.rank != 0, mininterval=2)

    def after_step(
        self, step: int, losses: Losses, waited: float, engine: "DeepSpeedEngine", average: MovingAverage
    ) -> None:
        """Take in a step, and log, validate or sample where one of them is due."""
        self.step = step
        if self.rank != 0:
            return
        figures = {name: float(value.detach()) for name, value in vars(losses).items()}
        norm = engine.get_global_grad_norm()
        self.window.append({**figures, "data_wait_s": waited} | ({} if norm is None else {"grad_norm": float(norm)}))
        self.bar.update()
        watch, last = self.config.watch, step == self.config.steps
        if step % watch.log_every == 0 or last:
            self._log(step, engine.optimizer.param_groups[0])
        if step % watch.validate_every == 0 or last:
            self._validate(step, average)
        if step % watch.sample_every == 0 or last:
            self._sample(step, average)

    def has_enough(self, step: int) -> bool:
        """Whether no validation was better for as long as the run's patience lasts; all ranks take part."""
        watch = self.config.watch
        if watch.patience is None or step % watch.validate_every:
            return False
        enough = [self.rank == 0 and step - self.best.step >= watch.patience * watch.validate_every]
        torch.distributed.broadcast_object_list(enough, src=0)
        if enough[0] and self.rank == 0:
            tqdm.write(f"no validation was better since step {self.best.step}: training ends at step {step}")
        return enough[0]

    def finish(self, average: MovingAverage, folder: Path, result: Path, provenance: dict[str, Any]) -> None:
        """Write the model folder, with the averaged weights, and the last validation's figures."""
        self.bar.close()
        if self.rank != 0:
            return
        best = self.config.keep == "best" and self.best.file.exists()
        model = self._model(self.best.weights() if best else average.average)
        provenance = {**provenance, "step": self.best.step if best else self.step}
        Generator(model, self.codec, self.clip, self.config.sampling, provenance).save(folder)
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(self.validation, indent=2) + "\n")

    def _log(self, step: int, group: dict[str, Any]) -> None:
        elapsed, now = time.perf_counter() - self.since, time.perf_counter()
        clips = len(self.window) * self.config.engine.clips_a_step
        means = {name: float(np.mean([entry[name] for entry in self.window])) for name in self.window[0]}
        self.bar.set_postfix(loss=f"{means['total']:.3f}", cb0=f"{means['codebook_0']:.3f}")
        if self.logger:
            self.logger.metrics({"train": means, "clips_per_s": clips / max(elapsed, 1e-9)} | _rates(group), step)
        self.window, self.since = [], now

    def _validate(self, step: int, average: MovingAverage) -> None:
        if not self.held_out:
            return
        self.validation = validation_figures(self._model(average.average), self.held_out)
        self.best.offer(self.validation[self.config.watch.best_by], step, average)
        if self.logger:
            self.logger.metrics({"validation": self.validation}, step)

    def _sample(self, step: int, average: MovingAverage) -> None:
        clips = self.config.watch.sample_clips
        if not (self.logger and self.held_out and clips):
            return
        generator = Generator(self._model(average.average), self.codec, self.clip, self.config.sampling)
        frames = self.held_out[0].frames[:clips].cpu().numpy()
        for index, waveform in enumerate(generator.generate_from_frames(frames, seed=self.config.seed)):
            name = f"sample_{index}"
            self.logger.audio(name, waveform, self.codec.sample_rate, step)
            self.logger.figure(f"{name}_spectrogram", spectrogram(waveform, self.codec.sample_rate), step)

    def _model(self, weights: Mapping[str, Tensor]) -> VMAs:
        """A model of its own with the averaged weights given."""
        adapters = self.config.adapters
        if self.averaged is None or adapters:
            self.averaged = VMAs(self.config.model.build(), self.codec.code_vectors).to(self.device).eval()
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
