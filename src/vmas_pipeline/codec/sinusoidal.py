"""The embedded default's codec: partials and short windows, ConvNeXt blocks, a residual vector quantiser, and back.

Symbols: B batch, N samples, T tokens (frames), G sinusoids, M noise bands, K codebooks, D code width, W width of the
blocks.

The encoder sees which notes sound and how loud the bands are; the decoder says how loud each of a fixed set of
sinusoids and noises is. A note is therefore in tune or absent, never slightly off. The layout is that of sinusoids plus
noise (Serra and Smith 1990, Computer Music Journal 14(4)), as in DDSP (Engel et al. 2020, arXiv 2001.04643), without
a fundamental: chords and drums have none.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, cast

import torch
from encodec.quantization import ResidualVectorQuantizer
from torch import Tensor, nn

from vmas_pipeline.codec.analysis import SHORT_FLOOR, Analysis
from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.synthesis import NoiseBank, SineBank

KIND = "sinusoidal"
SINE_FLOOR, NOISE_FLOOR = 1e-3, 1e-3
"""Amplitudes of a sinusoid and of a noise band that count as silence; full scale is 1."""
KMEANS_FRAMES = 1500  # encodec's k-means expands frames x entries x width floats


class Levels(NamedTuple):
    """What the decoder makes of code vectors: gains above their floors, so that silence is exactly zero."""

    sines: Tensor  # [B, T * tonal_steps, G], gain + SINE_FLOOR, positive
    noises: Tensor  # [B, T * short_steps, M], gain + NOISE_FLOOR, positive


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a pointwise MLP, residual (Liu et al. 2022, in one dimension).

    Args:
        width: channels, in and out.
        kernel: frames of the depthwise convolution, odd.
        expansion: hidden width of the MLP over `width`.
    """

    def __init__(self, width: int, kernel: int = 7, expansion: int = 3) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width))
        self.scale = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """[B, W, T] -> [B, W, T]."""
        y = self.depthwise(x).transpose(1, 2)  # [B, T, W]
        y = self.scale * self.mlp(self.norm(y))
        return x + y.transpose(1, 2)


class SinusoidalCodec(nn.Module):
    """A codec with 0.65 million parameters that trains in minutes on two CPU cores and keeps pitch.

    Implements `AudioCodec`. Token t is centred on (t + 0.5) / frame_rate seconds.
    """

    def __init__(self, config: SinusoidalCodecConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SinusoidalCodecConfig()
        self.analysis = Analysis(
            sample_rate=config.sample_rate,
            hop=config.hop,
            lowest=config.lowest_note,
            highest=config.highest_note,
            per_semitone=config.per_semitone,
            bands=config.bands,
            short_steps=config.short_steps,
        )
        grid = self.analysis.grid
        self.sines = SineBank(grid, config.sample_rate, config.hop // config.tonal_steps)
        self.noises = NoiseBank(config.bands, config.sample_rate, config.hop // config.short_steps)
        width, shorts = config.width, config.short_steps * config.bands
        self.encoder = nn.Sequential(
            nn.Conv1d(len(grid) + shorts, width, 3, padding=1),
            *(ConvNeXtBlock(width) for _ in range(config.blocks)),
            nn.Conv1d(width, config.code_width, 1),
        )
        self.quantiser = ResidualVectorQuantizer(
            dimension=config.code_width, n_q=config.codebooks, bins=config.card, decay=0.97, kmeans_iters=10
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(config.code_width, width, 3, padding=1),
            *(ConvNeXtBlock(width) for _ in range(config.blocks)),
        )
        self.head_norm = nn.LayerNorm(width)
        self.sine_head = _head(width, config.tonal_steps * len(grid), SINE_FLOOR)
        self.noise_head = _head(width, shorts, 2 * NOISE_FLOOR)

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.config.sample_rate

    @property
    def frame_rate(self) -> float:
        """Tokens per second."""
        return float(self.config.frame_rate)

    @property
    def codebooks(self) -> int:
        """K."""
        return self.config.codebooks

    @property
    def card(self) -> int:
        """Entries of each codebook."""
        return self.config.card

    @property
    def code_vectors(self) -> Tensor:
        """The vectors that codes stand for, [K, card, D]."""
        return torch.stack([cast(Tensor, layer.codebook) for layer in self.quantiser.vq.layers])

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Waveform [B, 1, N] in [-1, 1] -> codes int64 [B, K, T], T = ceil(N / hop)."""
        latent = self.latent(*self.analysis(waveform[:, 0]))
        return self.quantiser.encode(latent, self.config.frame_rate).transpose(0, 1)

    @torch.no_grad()
    def decode(self, codes: Tensor, first_token: int = 0) -> Tensor:
        """Codes [B, k, T] of the first k <= K codebooks -> waveform [B, 1, T * hop].

        Args:
            first_token: number of the first token since the music's start: it sets the phase of every sinusoid.
        """
        return self.synthesise(self.levels(self.quantiser.decode(codes.transpose(0, 1))), first_token)

    def forward(self, partials: Tensor, shorts: Tensor, *, quantise: bool) -> tuple[Levels, Tensor]:
        """One training pass: what `Analysis` found -> (levels, commitment loss).

        Args:
            quantise: False bypasses the quantiser, for the first steps.
        """
        latent = self.latent(partials, shorts)
        if not quantise:
            return self.levels(latent), latent.new_zeros(())
        quantised, _, penalty = self.quantiser.vq(latent)
        return self.levels(quantised), penalty.mean()

    @torch.no_grad()
    def initialise_codebooks(self, waveform: Tensor) -> None:
        """Initialise every codebook by k-means on the first frames of `waveform` [B, 1, N]."""
        latent = self.latent(*self.analysis(waveform[:, 0]))  # [B, D, T]
        frames = latent.transpose(1, 2).reshape(-1, self.config.code_width)  # [B * T, D]
        self.quantiser.vq(frames[:KMEANS_FRAMES].T[None])

    def latent(self, partials: Tensor, shorts: Tensor) -> Tensor:
        """What `Analysis` found, [B, T, G] and [B, T, short_steps * M] -> before quantisation [B, D, T].

        Silence enters as zero.
        """
        loudness = torch.log1p(partials / SINE_FLOOR) / 2
        return self.encoder(torch.cat([loudness, (shorts - math.log(SHORT_FLOOR)) / 3], -1).transpose(1, 2))

    def levels(self, latent: Tensor) -> Levels:
        """[B, D, T] -> loudness of every sinusoid and noise."""
        x = self.head_norm(self.decoder(latent).transpose(1, 2))  # [B, T, W]
        sines = self.sine_head(x).unflatten(-1, (self.config.tonal_steps, -1)).flatten(1, 2)
        noises = self.noise_head(x).unflatten(-1, (self.config.short_steps, -1)).flatten(1, 2)
        return Levels(*(torch.exp(log_level.clamp_max(1.0)) for log_level in (sines, noises)))

    def synthesise(self, levels: Levels, first_token: int = 0) -> Tensor:
        """Levels of T tokens -> [B, 1, T * hop]."""
        sines = self.sines((levels.sines - SINE_FLOOR).relu(), first_token * self.config.tonal_steps)
        noises = self.noises((levels.noises - NOISE_FLOOR).relu(), first_token * self.config.short_steps)
        return (sines + noises)[:, None]

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, each atomically."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights, settings = folder / "model.safetensors", folder / "config.json"
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, weights.with_suffix(".tmp"))
        weights.with_suffix(".tmp").replace(weights)
        settings.with_suffix(".tmp").write_text(json.dumps({"kind": KIND, **asdict(self.config)}, indent=2) + "\n")
        settings.with_suffix(".tmp").replace(settings)

    @classmethod
    def load(cls, folder: Path) -> "SinusoidalCodec":
        """Load a saved codec, in evaluation mode and without gradients."""
        from safetensors.torch import load_file

        settings = json.loads((folder / "config.json").read_text())
        settings.pop("kind")
        codec = cls(SinusoidalCodecConfig(**settings))
        codec.load_state_dict(load_file(folder / "model.safetensors"))
        return codec.eval().requires_grad_(False)


def _head(width: int, outputs: int, level: float) -> nn.Linear:
    """A layer whose outputs start near the logarithm of `level`."""
    head = nn.Linear(width, outputs)
    with torch.no_grad():
        head.weight *= 0.5
        head.bias.fill_(math.log(level))
    return head
