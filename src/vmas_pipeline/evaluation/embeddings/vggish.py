"""VGGish (Hershey et al., ICASSP 2017), the embedding of the original FAD and of the paper's tables."""

# E examples of 0.96 s, T spectrogram frames, M mel bands

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network, trained
from vmas_pipeline.evaluation.embeddings.weights import read_state, require_layout

SAMPLE_RATE = 16_000
EXAMPLE_FRAMES = 96
_WINDOW, _HOP, _FFT = 400, 160, 512
_MELS, _LOWEST_HZ, _HIGHEST_HZ = 64, 125.0, 7500.0
_OFFSET = 0.01
_POOLED = (1, 1, 0, 1, 0, 1)
"""Whether a pooling follows each of the six convolutions."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class VGGish(Embedding):
    """128 wide, before the last ReLU and without PCA, mean over examples of 0.96 s."""

    weights: Path
    """The state dict of the torch port."""
    kind: ClassVar = "vggish"
    published: ClassVar = "vggish-10086976.pth of harritaylor/torchvggish (Apache-2.0)"

    @property
    def title(self) -> str:
        return "VGGish, without PCA and last activation, mean over 0.96 s"

    def load(self) -> Network:
        return trained(VGGishNetwork(read_state(self.weights), str(self.weights)))


class VGGishNetwork(Network):
    """Six convolutions and three dense layers on log-mel examples; the widths are those of the weights."""

    sample_rate = SAMPLE_RATE

    def __init__(self, state: Mapping[str, Tensor], source: str) -> None:
        super().__init__()
        require_layout(state, ("features.0.weight", "features.13.weight", "embeddings.4.weight"), "VGGish", source)
        self.features = _convolutions([len(state[f"features.{i}.weight"]) for i in (0, 3, 6, 8, 11, 13)])
        self.embeddings = _dense([state[f"embeddings.{i}.weight"].shape for i in (0, 2, 4)])
        self.load_state_dict(state)
        self.front_end = LogMel()

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        """Music below one example is padded with silence; what is left over at the end is not heard."""
        short = max(0, _WINDOW + (EXAMPLE_FRAMES - 1) * _HOP - len(waveform))
        log_mel = self.front_end(functional.pad(waveform, (0, short)))  # [T, M]
        count = len(log_mel) // EXAMPLE_FRAMES
        examples = log_mel[: count * EXAMPLE_FRAMES].unflatten(0, (count, EXAMPLE_FRAMES))[:, None]  # [E, 1, 96, M]
        maps = self.features(examples)  # [E, channels, 6, 4]
        return AudioEmbedding(self.embeddings(maps.permute(0, 2, 3, 1).flatten(1)).mean(dim=0))


class LogMel(nn.Module):
    """Natural logarithm of the mel magnitudes plus 0.01: windows of 25 ms every 10 ms, not centred, HTK's scale."""

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(_WINDOW))
        self.register_buffer("filters", mel_filters())

    def forward(self, waveform: Tensor) -> Tensor:
        """waveform [N] -> [T, M]."""
        windows = waveform.unfold(0, _WINDOW, _HOP) * self.window  # [T, 400]
        return torch.log(torch.fft.rfft(windows, _FFT).abs() @ self.filters + _OFFSET)


def mel_filters() -> Tensor:
    """Triangles that are linear in mel, not in Hz, [257, 64]; the bin at 0 Hz is left out."""
    hertz = torch.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1, dtype=torch.float64)
    mel, (low, high) = _mel(hertz), _mel(torch.tensor([_LOWEST_HZ, _HIGHEST_HZ], dtype=torch.float64))
    edges = torch.linspace(float(low), float(high), _MELS + 2, dtype=torch.float64)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (mel[:, None] - lower) / (centre - lower), (upper - mel[:, None]) / (upper - centre)
    filters = torch.minimum(rising, falling).clamp_min(0)
    filters[0] = 0
    return filters.float()


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)


def _convolutions(widths: list[int]) -> nn.Sequential:
    """Layers numbered as in the published weights."""
    layers: list[nn.Module] = []
    for before, width, pooled in zip([1, *widths[:-1]], widths, _POOLED):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), *([nn.MaxPool2d(2)] if pooled else [])]
    return nn.Sequential(*layers)


def _dense(shapes: list[torch.Size]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers = [layer for outputs, inputs in shapes for layer in (nn.Linear(inputs, outputs), nn.ReLU())]
    return nn.Sequential(*layers[:-1])
