"""EnCodec's encoder: what a codec keeps of the sound, before it is quantised."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor

from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network, trained


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Encodec(Embedding):
    """The encoder's output (128 wide), mean over the tokens, as fadtk's `encodec-emb` takes it."""

    weights: Path
    """A folder that transformers' `save_pretrained` wrote, or audiocraft's `compression_state_dict.bin`."""
    kind: ClassVar = "encodec"
    published: ClassVar = "config.json and model.safetensors of facebook/encodec_24khz (CC BY-NC 4.0)"

    @property
    def title(self) -> str:
        return f"EnCodec ({self.weights.name}), encoder's output, mean over the tokens"

    def load(self) -> Network:
        return trained(EncodecNetwork(load_codec(self.weights)))


class EncodecNetwork(Network):
    """The encoder of a codec of transformers or audiocraft."""

    def __init__(self, codec: Any) -> None:
        super().__init__()
        self.encoder, self.sample_rate = codec.network.encoder, codec.sample_rate

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        return AudioEmbedding(self.encoder(waveform[None, None])[0].mean(dim=-1))  # [1, D, T] -> [D]
