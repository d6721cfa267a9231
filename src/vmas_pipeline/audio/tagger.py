"""The musicnn music tagger in torch, with the trained weights from its PyPI package.

musicnn (J. Pons, X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", 2019, ISC
licence) tags 3 s of music with 50 tags of MagnaTagATune (MTT) or of the Million Song Dataset (MSD). Curation detects
vocals with it; evaluation uses its probabilities for KL and its embeddings for FAD and the genre report.
"""

# B batch, N samples, P patches, T spectrogram frames, M mel bands, F filters, C tags

import ast
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.audio.tf_checkpoint import read_checkpoint

SAMPLE_RATE = 16_000
PATCH_SAMPLES = 48_000  # 3 s
PATCH_FRAMES = 187
EMBEDDING_WIDTH = 200
_FFT, _HOP, _MELS = 512, 256, 96
_BATCH_NORM_EPSILON = 1e-3  # TensorFlow's default
_DEAD_WEIGHT = 1e-4
"""Weight decay drove a third of the filters to zero (most to 1e-30): a filter with no weight above this gives a
constant output. Skipping these filters changes embeddings by 5e-7, less than a different summation order would, and
saves a third of the time."""
_PATCHES_AT_ONCE = 4  # the first layer's maps take 7 MB per patch; 4 is fastest on a CPU

Weights = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """The tagger's output, patch by patch."""

    probabilities: Tensor  # [..., P, C] in (0, 1), one independent sigmoid per tag
    embeddings: Tensor  # [..., P, 200], the penultimate layer

    def mean(self) -> "Tagged":
        """The mean over the patches: `probabilities` [..., C], `embeddings` [..., 200]."""
        return Tagged(probabilities=self.probabilities.mean(-2), embeddings=self.embeddings.mean(-2))


class MusicTagger(nn.Module):
    """musicnn for inference: waveforms at 16 kHz in, tag probabilities and embeddings out.

    It equals the original except for the front end's precision: the original rounds the mel spectrogram to float16,
    where loud music overflows to infinity; here it stays float32.

    Attributes:
        name: of the trained weights.
        tags: The names of the C = 50 tags, in the order of the probabilities.
    """

    def __init__(self, name: str, tags: list[str], weights: Weights) -> None:
        super().__init__()
        self.name = name
        self.tags = tags
        self.front_end = LogMel()
        self.network = Musicnn(weights)
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, name: str = "MTT_musicnn") -> Self:
        """Load `MTT_musicnn` or `MSD_musicnn` from the installed package `musicnn`, without importing it.

        Raises:
            ValueError: No such model.
            ModuleNotFoundError: musicnn is not installed.
        """
        if name not in ("MTT_musicnn", "MSD_musicnn"):
            raise ValueError(f"tagger {name!r} is unknown: take 'MTT_musicnn' or 'MSD_musicnn'")
        package = _package_folder()
        return cls(name, _tag_names(package, name.removesuffix("_musicnn")), read_checkpoint(package / name))

    def forward(self, waveforms: Tensor) -> Tagged:
        """Tag waveforms float32 [B, N] at 16 kHz; probabilities [B, P, C], embeddings [B, P, 200]."""
        patches = _patches(self.front_end(waveforms), -(-waveforms.shape[1] // PATCH_SAMPLES))  # [B, P, T, M]
        parts = [self.network(part) for part in patches.flatten(0, 1).split(_PATCHES_AT_ONCE)]
        probabilities, embeddings = (
            torch.cat(part).unflatten(0, patches.shape[:2]) for part in zip(*parts, strict=True)
        )
        return Tagged(probabilities=probabilities, embeddings=embeddings)

    @torch.inference_mode()
    def tag(self, waveform: np.ndarray | Tensor) -> Tagged:
        """Probabilities and embeddings in one pass.

        The music is split into patches of 3 s that cover all of it: the last one ends with the music, the others are
        evenly spaced and overlap as needed (5 s: patches at 0 and 2 s). Music below 3 s is padded with silence.

        Args:
            waveform: Float in [-1, 1] at 16 kHz: [N], or a batch of equal lengths [B, N].

        Returns:
            probabilities [P, C] and embeddings [P, 200], with a leading B if the input has one.

        Raises:
            ValueError: The waveform has another shape, or is empty.
        """
        samples = torch.as_tensor(waveform, dtype=torch.float32)
        if samples.ndim not in (1, 2) or samples.numel() == 0:
            raise ValueError(
                f"waveform has shape {tuple(samples.shape)}: give [samples] or [batch, samples], not empty"
            )
        tagged = self(torch.atleast_2d(samples))
        if samples.ndim == 2:
            return tagged
        return Tagged(probabilities=tagged.probabilities[0], embeddings=tagged.embeddings[0])

    def probabilities(self, waveform: np.ndarray | Tensor) -> Tensor:
        """Tag probabilities per patch, [P, C] or [B, P, C]; see `tag`."""
        return self.tag(waveform).probabilities

    def embeddings(self, waveform: np.ndarray | Tensor) -> Tensor:
        """Embeddings per patch, [P, 200] or [B, P, 200]: the penultimate layer after its batch norm; see `tag`."""
        return self.tag(waveform).embeddings


class LogMel(nn.Module):
    """log10(10000 x mel power + 1) of librosa's mel spectrogram (Slaney's scale and norm, centred, zero padding)."""

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchaudio.functional import melscale_fbanks  # librosa's filters, without its slow import

        filters = melscale_fbanks(
            _FFT // 2 + 1, 0, SAMPLE_RATE / 2, _MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("window", torch.hann_window(_FFT))
        self.register_buffer("filters", filters.T.contiguous())  # [M, bins]

    def forward(self, waveforms: Tensor) -> Tensor:
        """waveforms [B, N] -> [B, T = 1 + N // 256, M]."""
        spectrum = torch.stft(
            waveforms, _FFT, _HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()  # [B, bins, T]
        return torch.log10(10_000 * (self.filters @ power) + 1).transpose(1, 2)


class Musicnn(nn.Module):
    """musicnn's network: timbral and temporal filters, three convolutions over time, pooling, two dense layers.

    Layer numbers follow the checkpoint: `conv2d`, `conv2d_1`, ..., `batch_normalization`, `batch_normalization_1`, ...
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.input_norm = Affine(weights, 0)
        self.timbral = nn.ModuleList(FrequencyPooled(weights, layer) for layer in (0, 1))
        self.temporal = nn.ModuleList(FrequencyPooled(weights, layer) for layer in (2, 3, 4))
        self.middle = nn.ModuleList(TimeConvolution(weights, layer) for layer in (5, 6, 7))
        self.pooled_norm = Affine(weights, 9)
        self.penultimate = _linear(weights, "dense")
        self.penultimate_norm = Affine(weights, 10)
        self.output = _linear(weights, "dense_1")

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """log_mel [B, T, M] -> probabilities [B, C], embeddings [B, 200]; any T, trained on 187."""
        picture = self.input_norm(log_mel).unsqueeze(1)  # [B, 1, T, M]
        front = torch.cat([filters(picture) for filters in (*self.timbral, *self.temporal)], dim=1)  # [B, 561, T]
        first = self.middle[0](front)  # [B, 64, T]
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        features = torch.cat([front, first, second, third], dim=1)  # [B, 753, T]
        pooled = torch.stack([features.amax(-1), features.mean(-1)], dim=-1).flatten(1)  # [B, 753 x 2]
        embeddings = self.penultimate_norm(functional.relu(self.penultimate(self.pooled_norm(pooled))))
        return torch.sigmoid(self.output(embeddings)), embeddings


class FrequencyPooled(nn.Module):
    """A 2-D convolution over (time, mel), ReLU, batch norm and the maximum over mel; the time length is kept.

    Batch norm is monotonic in each filter, so the maximum is taken first: of the response if the filter's norm is
    increasing, of its negative (hence the sign on the kernel) if it is decreasing. Dead filters are left out.
    """

    kernel: Tensor
    bias: Tensor
    sign: Tensor
    live: Tensor
    silent: Tensor

    def __init__(self, weights: Weights, layer: int) -> None:
        super().__init__()
        name = f"conv2d_{layer}" if layer else "conv2d"
        kernel = torch.tensor(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)  # [F, 1, time, mel]
        bias = torch.tensor(weights[f"{name}/bias"])
        live = kernel.abs().amax((1, 2, 3)) > _DEAD_WEIGHT
        self.norm = Affine(weights, layer + 1)
        sign = torch.where(self.norm.scale < 0, -1.0, 1.0)
        before = (kernel.shape[2] - 1) // 2
        self.padding = (0, 0, before, kernel.shape[2] - 1 - before)
        self.register_buffer("kernel", (kernel * sign[:, None, None, None])[live])
        self.register_buffer("bias", (bias * sign)[live])
        self.register_buffer("sign", sign[live, None])
        self.register_buffer("live", live.nonzero()[:, 0])
        self.register_buffer("silent", functional.relu(bias)[:, None])

    def forward(self, picture: Tensor) -> Tensor:
        """picture [B, 1, T, M] -> [B, F, T]."""
        padded = functional.pad(picture, self.padding)
        response = functional.conv2d(padded, self.kernel, self.bias)  # [B, live F, T, M'], channels last
        loudest = functional.max_pool2d(response, (1, response.shape[-1])).squeeze(-1)  # ten times as fast as amax
        output = self.silent.expand(len(picture), -1, picture.shape[2]).clone()
        output[:, self.live] = functional.relu(loudest * self.sign)  # [B, live F, T]
        return self.norm(output.transpose(1, 2)).transpose(1, 2)


class TimeConvolution(nn.Module):
    """A convolution over time, ReLU and batch norm; the time length is kept."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, layer: int) -> None:
        super().__init__()
        kernel = weights[f"conv2d_{layer}/kernel"]  # [time, inputs, 1, F]
        self.register_buffer("kernel", torch.tensor(kernel[:, :, 0]).permute(2, 1, 0).contiguous())
        self.register_buffer("bias", torch.tensor(weights[f"conv2d_{layer}/bias"]))
        self.norm = Affine(weights, layer + 1)

    def forward(self, features: Tensor) -> Tensor:
        """features [B, inputs, T] -> [B, F, T]."""
        response = functional.conv1d(features, self.kernel, self.bias, padding=self.kernel.shape[-1] // 2)
        return self.norm(functional.relu(response).transpose(1, 2)).transpose(1, 2)


class Affine(nn.Module):
    """Batch norm of a trained network over the last dimension: scale and shift."""

    scale: Tensor
    shift: Tensor

    def __init__(self, weights: Weights, layer: int) -> None:
        super().__init__()
        name = f"batch_normalization_{layer}" if layer else "batch_normalization"
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (torch.tensor(weights[f"{name}/{part}"]).double() for part in names)
        scale = gamma / torch.sqrt(variance + _BATCH_NORM_EPSILON)
        self.register_buffer("scale", scale.float())
        self.register_buffer("shift", (beta - mean * scale).float())

    def forward(self, features: Tensor) -> Tensor:
        """features [..., F] -> the same shape."""
        return features * self.scale + self.shift


def _linear(weights: Weights, name: str) -> nn.Linear:
    kernel = torch.tensor(weights[f"{name}/kernel"]).T.contiguous()  # [outputs, inputs]
    layer = nn.Linear(kernel.shape[1], kernel.shape[0])
    layer.load_state_dict({"weight": kernel, "bias": torch.tensor(weights[f"{name}/bias"])})
    return layer


def _patches(log_mel: Tensor, count: int) -> Tensor:
    """log_mel [B, T, M] -> [B, P = count, 187, M]: evenly spaced, covering everything; see `MusicTagger.tag`."""
    frames = log_mel.shape[1]
    if frames < PATCH_FRAMES:
        return functional.pad(log_mel, (0, 0, 0, PATCH_FRAMES - frames)).unsqueeze(1)
    starts = np.linspace(0, frames - PATCH_FRAMES, count).round().astype(int)
    return torch.stack([log_mel[:, start : start + PATCH_FRAMES] for start in starts], dim=1)


def _package_folder() -> Path:
    spec = find_spec("musicnn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the package musicnn, which carries the tagger's weights, is missing: run `make setup`"
        )
    return Path(spec.origin).parent


def _tag_names(package: Path, data_set: str) -> list[str]:
    """The list `MTT_LABELS` or `MSD_LABELS` in musicnn/configuration.py, read as text: the package needs TensorFlow."""
    for statement in ast.parse((package / "configuration.py").read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == f"{data_set}_LABELS":
            return ast.literal_eval(statement.value)
    raise ValueError(f"{package / 'configuration.py'} has no list {data_set}_LABELS: install musicnn 0.1.0")
