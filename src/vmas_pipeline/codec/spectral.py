"""The embedded default's codec: STFT, ConvNeXt blocks, a residual vector quantiser, ConvNeXt blocks, inverse STFT.

Symbols: B batch, N samples, T tokens (frames), F frequency bins, K codebooks, D code width, W width of the blocks.

The encoder sees log magnitudes only. The phase of a frame is not predictable from the music: with phase as input, the
later codebooks would fill with noise that a language model cannot learn. The decoder synthesises a phase instead, like
a magnitude vocoder (the head follows Vocos, Siuzdak 2023, arXiv 2306.00814).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from encodec.quantization import ResidualVectorQuantizer
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.codec.config import SpectralCodecConfig

KIND = "spectral"
MAGNITUDE_FLOOR = 1e-4
KMEANS_FRAMES = 1500  # encodec's k-means expands frames x entries x width floats


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


class SpectralCodec(nn.Module):
    """A codec with one million parameters that trains in two minutes on two CPU cores.

    Implements `AudioCodec`. Token t is centred on (t + 0.5) / frame_rate seconds.
    """

    window: Tensor

    def __init__(self, config: SpectralCodecConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SpectralCodecConfig()
        bins, width = config.window // 2 + 1, config.width
        self.encoder = nn.Sequential(
            nn.Conv1d(bins, width, 3, padding=1),
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
        self.head = nn.Linear(width, 2 * bins)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)

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
        codes = self.quantiser.encode(self.latent(waveform), self.config.frame_rate)  # [K, B, T]
        return codes.transpose(0, 1)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, k, T] of the first k <= K codebooks -> waveform [B, 1, T * hop]."""
        return self.synthesise(self.quantiser.decode(codes.transpose(0, 1)))

    def forward(self, waveform: Tensor, *, quantise: bool) -> tuple[Tensor, Tensor]:
        """One training pass: waveform [B, 1, N] -> (reconstruction [B, 1, T * hop], commitment loss).

        Args:
            quantise: False bypasses the quantiser, for the first steps.
        """
        latent = self.latent(waveform)
        if not quantise:
            return self.synthesise(latent), latent.new_zeros(())
        quantised, _, penalty = self.quantiser.vq(latent)
        return self.synthesise(quantised), penalty.mean()

    @torch.no_grad()
    def initialise_codebooks(self, waveform: Tensor) -> None:
        """Initialise every codebook by k-means on the first frames of `waveform` [B, 1, N]."""
        latent = self.latent(waveform).transpose(1, 2).reshape(-1, self.config.code_width)  # [B * T, D]
        self.quantiser.vq(latent[:KMEANS_FRAMES].T[None])

    def latent(self, waveform: Tensor) -> Tensor:
        """[B, 1, N] -> the encoder's output before quantisation [B, D, T]."""
        magnitude = self._spectrum(waveform[:, 0]).abs()  # [B, F, T]
        return self.encoder(torch.log(magnitude.clamp_min(MAGNITUDE_FLOOR)) / 4 + 1)

    def synthesise(self, latent: Tensor) -> Tensor:
        """[B, D, T] -> [B, 1, T * hop]."""
        x = self.head(self.head_norm(self.decoder(latent).transpose(1, 2)))  # [B, T, 2F]
        log_magnitude, phase = x.transpose(1, 2).chunk(2, dim=1)  # [B, F, T] each
        magnitude = torch.exp(log_magnitude.clamp_max(6.0))
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        return self._waveform(spectrum)[:, None]

    def _spectrum(self, waveform: Tensor) -> Tensor:
        """[B, N] -> complex [B, F, T]; frame t is centred on sample (t + 0.5) * hop."""
        hop, window = self.config.hop, self.config.window
        missing = -waveform.shape[-1] % hop
        edge = (window - hop) // 2
        padded = functional.pad(waveform, (edge, edge + missing))
        frames = padded.unfold(-1, window, hop)  # [B, T, window]
        return torch.fft.rfft(frames * self.window).transpose(1, 2)

    def _waveform(self, spectrum: Tensor) -> Tensor:
        """Overlap-add of the inverse transforms: complex [B, F, T] -> [B, T * hop]."""
        hop, window = self.config.hop, self.config.window
        frames = torch.fft.irfft(spectrum, window, dim=1) * self.window[:, None]  # [B, window, T]
        steps = frames.shape[-1]
        length = (steps - 1) * hop + window
        squares = self.window.square()[None, :, None].expand(1, window, steps)
        signal, weight = (
            functional.fold(part, (1, length), (1, window), stride=(1, hop))[:, 0, 0] for part in (frames, squares)
        )
        edge = (window - hop) // 2
        return signal[:, edge : edge + steps * hop] / weight[:, edge : edge + steps * hop]

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
    def load(cls, folder: Path) -> "SpectralCodec":
        """Load a saved codec, in evaluation mode and without gradients."""
        from safetensors.torch import load_file

        settings = json.loads((folder / "config.json").read_text())
        settings.pop("kind")
        codec = cls(SpectralCodecConfig(**settings))
        codec.load_state_dict(load_file(folder / "model.safetensors"))
        return codec.eval().requires_grad_(False)
