"""What the small codec is trained for: partials of the right pitch, timbre, and changes when they happen."""

# B batch, N samples, T tokens, I gains of a sinusoid, G sinusoids

import math

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.audio.mel import mel_scales
from vmas_pipeline.codec.analysis import LONG_WINDOWS, power_of_two
from vmas_pipeline.codec.sinusoidal import SINE_FLOOR, Levels, SinusoidalCodec

SCALES_PER_STEP = 2
PARTIAL_FLOOR = 1e-2
"""Amplitude of a partial below which its error fades out of the loss, 40 dB below full scale."""
LOUDEST_WEIGHT = 10.0
"""Weight of a token's loudest partial beside that of silence: an error of 1 dB there changes which is the strongest."""
EDGE_S = 0.08
"""Left out at both ends of a crop: there the long windows heard what lies beyond it."""


class CodecLosses:
    """The losses of a training step, by name."""

    def __init__(self, codec: SinusoidalCodec) -> None:
        self.codec = codec
        self.scales = mel_scales(codec.sample_rate)

    def __call__(
        self, levels: Levels, waveforms: Tensor, partials: Tensor, random: np.random.Generator
    ) -> dict[str, Tensor]:
        """Compare the decoder's levels with what they stand for.

        Args:
            waveforms: the originals, [B, N].
            partials: what `Analysis` found in them, [B, T, G].
            random: draws the mel scales of this step.

        Returns:
            mel_l1: L1 of the log-mel spectra.
            flicker_l1: L1 of their change from frame to frame.
            partials_mse: weighted mean square of the partials' logarithmic amplitudes.
        """
        made = self.codec.synthesise(levels)[:, 0]
        pair = [self.scales[i] for i in random.choice(len(self.scales), SCALES_PER_STEP, replace=False)]
        errors = [scale(waveforms) - scale(made) for scale in pair]  # [B, bands, frames] each
        return {
            "mel_l1": torch.stack([error.abs().mean() for error in errors]).mean(),
            "flicker_l1": torch.stack([error.diff(dim=-1).abs().mean() for error in errors]).mean(),
            "partials_mse": self._partials_mse(levels.sines, partials),
        }

    def _partials_mse(self, sines: Tensor, partials: Tensor) -> Tensor:
        """Of levels [B, I, G] against amplitudes [B, T, G]; levels, as a silent sinusoid would have no gradient."""
        tokens = partials.shape[1]
        edge = min(round(EDGE_S * self.codec.frame_rate), (tokens - 1) // 2)
        made = as_analysed(sines, self.codec) - SINE_FLOOR
        error = torch.log(made + PARTIAL_FLOOR) - torch.log(partials + PARTIAL_FLOOR)
        loudest = partials.amax(-1, keepdim=True).clamp_min(PARTIAL_FLOOR)
        weighted = (1 + LOUDEST_WEIGHT * partials / loudest) * error.square()
        return weighted[:, edge : tokens - edge].mean()


def as_analysed(sines: Tensor, codec: SinusoidalCodec) -> Tensor:
    """Gains as the long windows would measure them: means over each window, [B, I, G] -> [B, T, G]."""
    config, grid = codec.config, codec.analysis.grid
    step = config.hop // config.tonal_steps
    gain_at = (torch.arange(sines.shape[1], device=sines.device) + 0.5) * step  # samples
    token_at = (torch.arange(sines.shape[1] // config.tonal_steps, device=sines.device) + 0.5) * config.hop
    parts = []
    for seconds, low_hz, high_hz in LONG_WINDOWS:
        distance = (gain_at - token_at[:, None]).abs() / power_of_two(seconds * config.sample_rate)  # [T, I]
        weights = torch.where(distance < 0.5, 0.5 + 0.5 * torch.cos(2 * math.pi * distance), 0.0)
        parts.append((weights / weights.sum(1, keepdim=True)) @ sines[..., (grid >= low_hz) & (grid < high_hz)])
    return torch.cat(parts, -1)
