"""MERT (Li et al., ICLR 2024), through transformers' HuBERT, whose layers and names it has."""

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network, trained

SAMPLE_RATE = 24_000


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Mert(Embedding):
    """A layer's output, pooled over time; MAD's authors take the maximum of layer 24 of MERT-v1-330M."""

    weights: Path
    """A folder with config.json and the weights."""
    layer: int = Field(default=12, ge=0)
    """Of the transformer; 0 is its input."""
    pooling: Literal["mean", "max"] = "mean"
    """Over time."""
    kind: ClassVar = "mert"
    published: ClassVar = "config.json and pytorch_model.bin of m-a-p/MERT-v1-95M (CC BY-NC 4.0)"

    @property
    def name(self) -> str:
        return f"mert_{self.layer}"

    @property
    def title(self) -> str:
        return f"MERT ({self.weights.name}), layer {self.layer}, {self.pooling} over time"

    def load(self) -> Network:
        from transformers import HubertConfig, HubertModel

        if not (self.weights / "config.json").is_file():
            raise ValueError(f"{self.weights} has no config.json: put {self.published} there")
        config = HubertConfig(**_settings(self.weights))
        if self.layer > config.num_hidden_layers:
            raise ValueError(f"layer ({self.layer}) is above the {config.num_hidden_layers} of {self.weights}")
        try:
            model, report = HubertModel.from_pretrained(
                self.weights, config=config, local_files_only=True, output_loading_info=True
            )
        except OSError as error:
            raise ValueError(f"{self.weights} holds no MERT ({error}): put {self.published} there") from error
        if lost := sorted(report["missing_keys"]):
            raise ValueError(f"{self.weights} holds no MERT: it has no {lost[0]}; put {self.published} there")
        normalised = _front_end(self.weights).get("do_normalize", True)
        return trained(MertNetwork(model, self.layer, self.pooling, normalised))


class MertNetwork(Network):
    """A layer of transformers' HuBERT."""

    sample_rate = SAMPLE_RATE

    def __init__(self, model: Any, layer: int, pooling: str, normalised: bool) -> None:
        super().__init__()
        self.model, self.layer, self.pooling, self.normalised = model, layer, pooling, normalised

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        if self.normalised:
            waveform = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
        states = self.model(waveform[None], output_hidden_states=True).hidden_states[self.layer][0]  # [T, D]
        return AudioEmbedding(states.amax(dim=0) if self.pooling == "max" else states.mean(dim=0))


def _settings(folder: Path) -> dict[str, Any]:
    """MERT's config as HuBERT's.

    Raises:
        ValueError: it is a variant with inputs or residuals that HuBERT does not have.
    """
    settings = json.loads((folder / "config.json").read_text())
    for name in ("feature_extractor_cqt", "deepnorm"):
        if settings.get(name):
            raise ValueError(f"the MERT in {folder} was built with {name}, which is not supported: take a MERT-v1")
    return {name: value for name, value in settings.items() if name not in ("model_type", "auto_map", "architectures")}


def _front_end(folder: Path) -> dict[str, Any]:
    file = folder / "preprocessor_config.json"
    return json.loads(file.read_text()) if file.is_file() else {}
