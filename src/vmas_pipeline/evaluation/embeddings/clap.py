"""CLAP's audio tower (Wu et al., ICASSP 2023), through transformers."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor

from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network, trained

SAMPLE_RATE = 48_000
WINDOW_S = 10.0
"""Longer music is heard in equal parts of at most this length; shorter is repeated by the front end."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Clap(Embedding):
    """The projected audio embedding (512 wide), mean over windows of 10 s."""

    weights: Path
    """A folder that transformers' `save_pretrained` wrote."""
    kind: ClassVar = "clap"
    published: ClassVar = (
        "config.json, preprocessor_config.json and model.safetensors of laion/larger_clap_music (Apache-2.0)"
    )

    @property
    def title(self) -> str:
        return f"CLAP ({self.weights.name}), projected, mean over windows of 10 s"

    def load(self) -> Network:
        from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor

        try:
            front_end = ClapFeatureExtractor.from_pretrained(self.weights, local_files_only=True)
            model = ClapAudioModelWithProjection.from_pretrained(self.weights, local_files_only=True)
        except OSError as error:
            raise ValueError(f"{self.weights} holds no CLAP ({error}): put {self.published} there") from error
        return trained(ClapNetwork(front_end, model))


class ClapNetwork(Network):
    """transformers' audio tower and its front end."""

    sample_rate = SAMPLE_RATE

    def __init__(self, front_end: Any, model: Any) -> None:
        super().__init__()
        self.front_end, self.model = front_end, model

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        parts = -(-len(waveform) // round(WINDOW_S * SAMPLE_RATE))
        windows = [part.cpu().numpy() for part in waveform.chunk(parts)]
        inputs = self.front_end(windows, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        features = inputs["input_features"].to(waveform)
        return AudioEmbedding(
            self.model(features, is_longer=torch.as_tensor(inputs["is_longer"])).audio_embeds.mean(dim=0)
        )
