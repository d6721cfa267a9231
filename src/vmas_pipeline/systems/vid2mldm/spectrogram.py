"""From music to what is diffused and back: log-mel spectrogram, KL autoencoder, vocoder."""

# B clips, N samples, T frames, M mel bands, C latent channels, t and m latents in time and frequency

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.audio.mel import FLOOR_DB, mel_bank
from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.systems.vid2mldm.config import AutoencoderConfig, MelConfig, VocoderConfig

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


class MelSpectrogram(nn.Module):
    """Log-mel magnitudes, from `FLOOR_DB` (-1) to full scale (1). Frame i is centred on (i + 0.5) * hop samples."""

    bank: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("bank", mel_bank(config.sample_rate, config.window, config.bands), persistent=False)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)

    def forward(self, waveform: Tensor, frames: int) -> Tensor:
        """[B, N] -> [B, T, M] of `frames` frames; where the waveform ends, silence."""
        hop, window = self.config.hop, self.config.window
        edge = (window - hop) // 2
        padded = functional.pad(waveform, (edge, (frames - 1) * hop + window - edge - waveform.shape[-1]))
        magnitudes = torch.fft.rfft(padded.unfold(-1, window, hop) * self.window).abs() @ self.bank.T
        decibels = 20 * torch.log10(magnitudes.clamp_min(1e-9) / (window / 4))
        return 1 - 2 * decibels.clamp(FLOOR_DB, 0.0) / FLOOR_DB


def autoencoder(config: AutoencoderConfig) -> "AutoencoderKL":
    """A new diffusers network of [B, 1, T, M] <-> [B, C, t, m]."""
    from diffusers import AutoencoderKL

    levels = len(config.widths)
    settings: dict[str, Any] = {
        "in_channels": 1,
        "out_channels": 1,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": config.widths,
        "layers_per_block": config.layers,
        "latent_channels": config.latent_channels,
        "norm_num_groups": config.groups,
        "mid_block_add_attention": config.attention,
    }
    return AutoencoderKL(**settings)


class MelVocoder(SinusoidalCodec):
    """The decoder of our codec alone: it takes a frame's mel bands in place of a code vector.

    A mel spectrogram has no phase and blurs pitch: which of the fixed sinusoids sound is inferred from the bands.
    """

    def __init__(self, mel: MelConfig, config: VocoderConfig) -> None:
        sizes = {"code_width": mel.bands, "width": config.width, "blocks": config.blocks, "codebooks": 1, "card": 1}
        super().__init__(
            SinusoidalCodecConfig(
                sample_rate=mel.sample_rate, frame_rate=mel.frame_rate, highest_note=_highest_note(mel), **sizes
            )
        )
        del self.encoder, self.quantiser

    @torch.no_grad()
    def decode(self, codes: Tensor, first_token: int = 0) -> Tensor:
        """Mel frames [B, M, T] -> waveform [B, 1, T * hop]; `first_token`, of the first frame, as for the codec."""
        return self.synthesise(self.levels(codes), first_token)


def _highest_note(mel: MelConfig) -> int:
    """The codec's own, or what half the sample rate allows."""
    below_nyquist = 69 + 12 * math.log2(0.45 * mel.sample_rate / 440.0)
    return min(SinusoidalCodecConfig().highest_note, math.floor(below_nyquist))
