"""Silence: what every metric says of nothing."""

# B clips, N samples of a clip

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, measure


class SilenceSystem:
    """No music at all."""

    name = "silence"
    revision = "1"

    def __init__(self, sample_rate: int) -> None:
        self.clip: ClipSpec | None = None
        self.sample_rate = sample_rate

    @classmethod
    def load(cls, source: Path, sample_rate: int = 16_000) -> Self:
        """Needs nothing of the source."""
        return cls(sample_rate)

    def about(self) -> dict[str, Any]:
        """What it does."""
        return {"rule": "silence"}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Silence of the video's length."""
        samples = round((seconds or measure(video).duration_s) * self.sample_rate)
        return Music(waveform=np.zeros((1, samples), np.float32), sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Silence, float32 [B, N]."""
        return np.zeros((len(samples), round(samples[0].row["duration_s"] * self.sample_rate)), np.float32)
