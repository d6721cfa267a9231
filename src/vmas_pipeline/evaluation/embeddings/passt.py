"""PaSST (Koutini et al., Interspeech 2022), AudioSet's tagger behind the field's KL; without patchout."""

# T frames, M = 128 mel bands, D width, C = 527 classes

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network, trained
from vmas_pipeline.evaluation.embeddings.weights import read_state, require_layout

SAMPLE_RATE = 32_000
WINDOW_S = 10.0
"""What the positions reach over: longer music is heard in equal parts of at most this length."""
_WINDOW, _HOP, _FFT = 800, 320, 1024
_HIGHEST_HZ = 15_000.0
_HEAD_WIDTH = 64


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class PaSST(Embedding):
    """The mean of the two class tokens (768 wide) and 527 tags of AudioSet, mean over windows of 10 s."""

    weights: Path
    """The published state dict."""
    stride: int = Field(default=10, ge=1)
    """Frames and bands between two patches, as the weights were trained: s10 in their name."""
    kind: ClassVar = "passt"
    published: ClassVar = "passt-s-f128-p16-s10-ap.476-swa.pt of kkoutini/PaSST (Apache-2.0)"

    @property
    def title(self) -> str:
        return "PaSST, class tokens, mean over windows of 10 s"

    def load(self) -> Network:
        return trained(PaSSTNetwork(read_state(self.weights), self.stride, str(self.weights)))


class PaSSTNetwork(Network):
    """A vision transformer on overlapping patches of a log-mel spectrogram; sizes are those of the weights."""

    sample_rate = SAMPLE_RATE
    cls_token: Tensor
    dist_token: Tensor
    new_pos_embed: Tensor
    freq_new_pos_embed: Tensor
    time_new_pos_embed: Tensor

    def __init__(self, state: Mapping[str, Tensor], stride: int, source: str) -> None:
        from timm.models.vision_transformer import Block

        super().__init__()
        require_layout(state, ("dist_token", "time_new_pos_embed", "patch_embed.proj.weight"), "PaSST", source)
        for name in ("cls_token", "dist_token", "new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed"):
            self.register_parameter(name, nn.Parameter(torch.empty_like(state[name])))
        width, _, *patch = state["patch_embed.proj.weight"].shape
        assert len(patch) == 2
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        hidden, classes = len(state["blocks.0.mlp.fc1.weight"]), len(state["head.1.weight"])
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, (patch[0], patch[1]), stride)})
        self.blocks = nn.Sequential(
            *(
                Block(width, width // _HEAD_WIDTH, mlp_ratio=hidden / width, qkv_bias=True, norm_layer=Norm)
                for _ in range(depth)
            )
        )
        self.norm = Norm(width)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.load_state_dict({name: each for name, each in state.items() if not name.startswith("head_dist")})
        self.front_end = LogMel()

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        parts = -(-len(waveform) // round(WINDOW_S * SAMPLE_RATE))
        windows = waveform[: len(waveform) // parts * parts].unflatten(0, (parts, -1))
        tokens = self.tokens(self.front_end(windows))  # [parts, D]
        return AudioEmbedding(tokens.mean(dim=0), torch.sigmoid(self.head(tokens)).mean(dim=0))

    def tokens(self, log_mel: Tensor) -> Tensor:
        """log_mel [B, M, T] -> mean of the two class tokens, [B, D]."""
        patches = self.patch_embed["proj"](log_mel[:, None])  # [B, D, m, t]
        patches = patches + self.time_new_pos_embed[..., : patches.shape[-1]] + self.freq_new_pos_embed
        first = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        sequence = torch.cat([first.expand(len(patches), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        return self.norm(self.blocks(sequence))[:, :2].mean(dim=1)


class Norm(nn.LayerNorm):
    """Layer norm with the precision of the published network."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(width, eps=1e-6, **options)


class LogMel(nn.Module):
    """PaSST's input: pre-emphasis, the logarithm of Kaldi's mel powers, shifted and scaled; it equals the original."""

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchaudio.compliance.kaldi import get_mel_banks

        filters, _ = get_mel_banks(128, _FFT, float(SAMPLE_RATE), 0.0, _HIGHEST_HZ, 100.0, -500.0, 1.0)
        self.register_buffer("window", torch.hann_window(_WINDOW, periodic=False))
        self.register_buffer("filters", functional.pad(filters, (0, 1)))  # [M, bins]

    def forward(self, waveforms: Tensor) -> Tensor:
        """waveforms [B, N] -> [B, M, T]."""
        emphasised = waveforms[:, 1:] - 0.97 * waveforms[:, :-1]
        spectrum = torch.stft(emphasised, _FFT, _HOP, _WINDOW, self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return (torch.log(self.filters @ power + 1e-5) + 4.5) / 5
