"""The interface of systems that turn videos into music: ours, the codec alone, a folder of external recordings."""

# B clips, N samples of a clip, D width of an embedding

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec


class System(Protocol):
    """A video-to-music system in the comparison."""

    name: str
    """Names its folder under 05_generated and its row in tables."""
    revision: str
    """Changes whenever its music may change: a hash of the weights and settings."""
    clip: ClipSpec | None
    """The clips that it was built for; None accepts any."""
    sample_rate: int
    """Sample rate of its music."""

    def about(self) -> dict[str, Any]:
        """Its settings, for records and reports; JSON."""

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Music of a video's length, or only for its first `seconds`."""

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Music for a batch of clips, float32 [B, N]; a clip's music does not depend on the rest of its batch."""


@runtime_checkable
class Partial(Protocol):
    """A system that has music for some clips only; the others are left out."""

    def holds(self, clip_id: str) -> bool:
        """Whether it has music for a clip."""


@runtime_checkable
class Embeds(Protocol):
    """A system that also embeds videos and music in a shared space, for retrieval."""

    def embed(self, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the clips' videos and of their true music, both float32 [B, D]."""
