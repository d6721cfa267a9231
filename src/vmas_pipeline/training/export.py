"""Outputs of a run: models with averaged weights, sample music during training, and the model folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.audio.mel import PICTURE_RANGE_DB, mel_picture
from vmas_pipeline.codec.interface import AudioCodec
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.tracking import RunLogger
from vmas_pipeline.training.adapters import merged
from vmas_pipeline.training.config import TrainConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Exporter:
    """Builds models with averaged weights.

    Args:
        config: the training settings.
        sizes: of the model.
        clip, codec: those the model is trained for.
        device: where it runs.
    """

    def __init__(self, config: TrainConfig, sizes: VMAsConfig, clip: ClipSpec, codec: AudioCodec, device: torch.device):
        self.config, self.sizes, self.clip, self.codec = config, sizes, clip, codec.to(device)
        self.device = device
        self.averaged: VMAs | None = None

    def model(self, weights: Mapping[str, Tensor]) -> VMAs:
        """A separate model with the given averaged weights, for evaluation; the next call changes it."""
        adapters = self.config.adapters
        if self.averaged is None or adapters:
            self.averaged = VMAs(self.sizes, self.codec.code_vectors).to(self.device).eval()
        if adapters:
            return merged(self.averaged, weights, adapters).eval()
        self.averaged.load_state_dict(weights, strict=False)  # the code vectors are already set
        return self.averaged

    def log_samples(self, model: VMAs, conditions: Conditions, logger: RunLogger, step: int) -> None:
        """Log the music that a model generates for clips, and its spectrograms."""
        seeds = range(self.config.seed, self.config.seed + len(conditions))
        waveforms = self._generator(model, {}).generate_clips(conditions, seeds)
        for index, waveform in enumerate(waveforms):
            name = f"sample_{index}"
            logger.audio(name, waveform, self.codec.sample_rate, step)
            logger.figure(f"{name}_spectrogram", spectrogram(waveform, self.codec.sample_rate), step)

    def save(self, model: VMAs, folder: Path, provenance: dict[str, Any]) -> None:
        """Write the model folder."""
        self._generator(model, provenance).save(folder)

    def _generator(self, model: VMAs, provenance: dict[str, Any]) -> Generator:
        return Generator(model, self.codec, self.clip, self.config.sampling, provenance)


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
