"""musicnn, whose weights the package `musicnn` carries: the embedding that is always there."""

from typing import ClassVar, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor

from vmas_pipeline.audio.tagger import SAMPLE_RATE, MusicTagger
from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Musicnn(Embedding):
    """50 tags and the layer before them (200 wide), mean over patches of 3 s."""

    data: Literal["MTT", "MSD"] = "MTT"
    """What it was trained on: MagnaTagATune or the Million Song Dataset."""
    kind: ClassVar = "musicnn"

    @property
    def name(self) -> str:
        return f"{self.data.lower()}_musicnn"

    @property
    def title(self) -> str:
        return f"musicnn ({self.data}), penultimate layer, mean over patches of 3 s"

    def load(self) -> Network:
        return MusicnnNetwork(MusicTagger.load(f"{self.data}_musicnn"))


class MusicnnNetwork(Network):
    """The tagger's mean over its patches."""

    sample_rate = SAMPLE_RATE

    def __init__(self, tagger: MusicTagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, waveform: Tensor) -> AudioEmbedding:
        tagged = self.tagger.tag(waveform).mean()
        return AudioEmbedding(tagged.embeddings, tagged.probabilities)
