"""Two rules in place of a model: a beat that never looks at the video, and a strike at every peak of its motion."""

# B clips, N samples of a clip, F frames

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, measure, read_frames
from vmas_pipeline.versioning import content_hash

PITCH_HZ = 440.0
DECAY_S = 0.08
FRAMES_AT_ONCE = 1000
"""Of a whole video, held in memory together."""


class MetronomeSystem:
    """A strike as often as motion peaks in the training split, at even distances: video-blind, at the right rate."""

    name = "metronome"

    def __init__(self, period_s: float, sample_rate: int, revision: str) -> None:
        self.period_s = period_s
        self.clip: ClipSpec | None = None
        self.sample_rate = sample_rate
        self.revision = revision

    @classmethod
    def load(cls, source: Path, sample_rate: int = 16_000) -> Self:
        """Take the rate from the training split of the features in `source`.

        Raises:
            ValueError: no features there, or no motion in them.
        """
        import pandas as pd

        file = source / "curves.parquet"
        if not file.is_file():
            raise ValueError(f"no {file}: run `kedro run --pipelines=features` first")
        curves = pd.read_parquet(file)
        peaks = curves.loc[curves["split"] == "train", "peaks_s"]
        if not (count := int(peaks.map(len).sum())):
            raise ValueError(f"nothing moves in the training split of {source}: a metronome has no rate to take")
        duration_s = float(pd.read_parquet(source / "train" / "index.parquet")["duration_s"].sum())
        return cls(duration_s / count, sample_rate, content_hash(file))

    def about(self) -> dict[str, Any]:
        """Its period."""
        return {"rule": "a strike every period_s", "period_s": self.period_s}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Its beat for the video's length."""
        waveform = self._beat(seconds or measure(video).duration_s)
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """The same beat for every clip, float32 [B, N]."""
        return np.stack([self._beat(sample.row["duration_s"]) for sample in samples])

    def _beat(self, duration_s: float) -> np.ndarray:
        return strikes(np.arange(self.period_s / 2, duration_s, self.period_s), duration_s, self.sample_rate)


class FlowPeaksSystem:
    """A strike at every peak of motion: the timing that MV Align asks for, and nothing else of music."""

    name = "flow_peaks"
    revision = "1"

    def __init__(self, frame_rate: float, sample_rate: int) -> None:
        self.frame_rate = frame_rate
        self.clip: ClipSpec | None = None
        self.sample_rate = sample_rate

    @classmethod
    def load(cls, source: Path, frame_rate: float = 9.6, sample_rate: int = 16_000) -> Self:
        """Needs nothing of the source; whole videos are looked at with `frame_rate`."""
        return cls(frame_rate, sample_rate)

    def about(self) -> dict[str, Any]:
        """What it does."""
        return {"rule": "a strike at every prominent peak of the mean flow"}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Strikes at the peaks of the whole video's flow."""
        duration_s = seconds or measure(video).duration_s
        peaks = flow_peaks(self._flow(video, round(duration_s * self.frame_rate)), self.frame_rate)
        return Music(waveform=strikes(peaks, duration_s, self.sample_rate)[None], sample_rate=self.sample_rate)

    def _flow(self, video: Path, frames: int) -> np.ndarray:
        """Mean flow between the frames of a video, float32 [F - 1], piece by piece."""
        parts = [np.zeros(0, np.float32)]
        for first in range(0, frames - 1, FRAMES_AT_ONCE):
            count = min(FRAMES_AT_ONCE + 1, frames - first)  # the last one is the next piece's first
            start_s = first / self.frame_rate
            read = read_frames(video, frame_rate=self.frame_rate, size=64, start_s=start_s, frames=count)
            parts.append(mean_flow(read))
        return np.concatenate(parts)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Strikes at the peaks that the features stage found, float32 [B, N]."""
        return np.stack([strikes(s.peaks_s, s.row["duration_s"], self.sample_rate) for s in samples])


def strikes(times_s: np.ndarray, duration_s: float, sample_rate: int) -> np.ndarray:
    """A decaying A4 at each time, float32 [N] in [-1, 1]; one that is still sounding ends where the next begins."""
    time = np.arange(round(duration_s * sample_rate)) / sample_rate
    starts = np.concatenate([[-np.inf], np.sort(np.asarray(times_s, np.float64))])
    since = time - starts[np.searchsorted(starts, time, side="right") - 1]
    sounding = np.isfinite(since)
    since = np.where(sounding, since, 0.0)
    return np.where(sounding, 0.5 * np.sin(2 * np.pi * PITCH_HZ * since) * np.exp(-since / DECAY_S), 0).astype(
        np.float32
    )
