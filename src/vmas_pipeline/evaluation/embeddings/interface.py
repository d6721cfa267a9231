"""What an embedding is: settings, and the network that they load of a clip."""

# N samples of a clip, D width of the embedding, C tags

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from vmas_pipeline.versioning import code_version, content_hash


class AudioEmbedding(NamedTuple):
    """A clip in an embedding."""

    vector: Tensor  # [D]
    probabilities: Tensor | None = None  # [C] in (0, 1), one independent sigmoid per tag; None: it knows no tags


class Network(nn.Module, ABC):
    """An embedding's network, for inference."""

    sample_rate: int
    """Of its input, in Hz."""

    @abstractmethod
    def forward(self, waveform: Tensor) -> AudioEmbedding:
        """Embed a clip, float32 [N] in [-1, 1] at its sample rate."""


class Embedding(ABC):
    """An embedding with its settings: a frozen dataclass of them."""

    kind: ClassVar[str]
    """Its name in `EMBEDDINGS`."""
    published: ClassVar[str] = ""
    """The published weights: what to put at the path of `weights`, and their licence."""

    @abstractmethod
    def load(self) -> Network:
        """The network with its weights, on the CPU.

        Raises:
            ValueError: the file at `weights` is none of these weights.
        """

    @property
    def name(self) -> str:
        """Distinguishes it from others in the names of metrics: `fad_<name>`."""
        return self.kind

    @property
    @abstractmethod
    def title(self) -> str:
        """Names the network, its layer and how a clip's vector comes about, as a figure states them."""

    def prepare(self) -> None:
        """Called once before the work begins.

        Raises:
            ValueError: the weights are missing; the message names the way out.
        """
        weights = getattr(self, "weights", None)
        if isinstance(weights, Path) and not weights.exists():
            raise ValueError(
                f"the embedding {self.kind} has no weights at {weights}: put {self.published} there, name another path "
                f"in its `weights`, or leave it out of evaluation.embeddings"
            )

    def identity(self) -> dict[str, Any]:
        """What its vectors depend on: the kind, its settings, files by their content, and the code."""
        settings = {name: content_hash(each) if isinstance(each, Path) else each for name, each in vars(self).items()}
        return {"kind": self.kind, **settings, "code": code_version(type(self).__module__)}


def trained(network: Network) -> Network:
    """The network in evaluation mode, without gradients."""
    return network.eval().requires_grad_(False)
