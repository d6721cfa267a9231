"""What turns videos into music: ours, the codec alone, a folder of someone else's recordings."""

# B clips, N samples of a clip, D width of an embedding

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec


class System(Protocol):
    """A video-to-music system, as the comparison sees it."""

    name: str
    """Of its folder under 05_generated, of its row in a table."""
    revision: str
    """Changes whenever its music may: a hash of the weights and settings."""
    clip: ClipSpec | None
    """The clips that it was made for; None takes any."""
    sample_rate: int
    """Of its music."""

    def about(self) -> dict[str, Any]:
        """Its settings, for records and reports; JSON."""

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Music of a video's length, or for its first seconds alone."""

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Music for a batch of clips, float32 [B, N]; a clip's music does not depend on the others beside it."""


@runtime_checkable
class Embeds(Protocol):
    """A system that also places videos and music in one space, for retrieval."""

    def embed(self, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """Of the clips' videos and of their true music, both float32 [B, D]."""
