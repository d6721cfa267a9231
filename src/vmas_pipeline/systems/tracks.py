"""Existing music in place of generated: a random training track, that of the most similar video, another clip's own."""

# B clips, N samples of a clip, M clips to take music from, D width of a picture vector

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from vmas_pipeline.features.resize import resize_frames
from vmas_pipeline.features.shards import Sample, read_clips, read_index
from vmas_pipeline.generator import Music, clip_seed
from vmas_pipeline.media import ClipSpec, local, measure, read_audio, read_frames, read_music
from vmas_pipeline.versioning import content_hash

PICTURE = 8
"""Pixels on a side of the pictures by which videos are compared."""


class TracksSystem:
    """Music of the features' clips, unchanged. A subclass chooses whose."""

    name: str
    from_split = "train"
    """The split whose music is taken."""
    rule: str
    looked_at = 8
    """Frames of a whole video that are looked at."""

    def __init__(self, features: Path, sample_rate: int) -> None:
        self.features = features
        self.clip: ClipSpec | None = None
        self.sample_rate = sample_rate
        self.index: pd.DataFrame = read_index(features / self.from_split)
        self.revision = content_hash(features / self.from_split / "index.parquet")

    @classmethod
    def load(cls, source: Path, sample_rate: int = 16_000) -> Self:
        """Take the tracks from the features in `source`.

        Raises:
            ValueError: there are none.
        """
        return cls(source, sample_rate)

    def about(self) -> dict[str, Any]:
        """What it does, and among how many tracks it chooses."""
        return {"rule": self.rule, "tracks": len(self.index)}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """The chosen track from its clip on, repeated where the video is longer."""
        duration_s = seconds or measure(video).duration_s
        frames = read_frames(video, frame_rate=self.looked_at / duration_s, size=64, frames=self.looked_at)
        chosen = self.choose(frames, clip_seed(seed, video.stem), own="")
        row = next(read_clips(self.features / self.from_split, self.index.iloc[[chosen]])).row
        track = read_audio(local(row["audio_path"]), sample_rate=self.sample_rate, start_s=row["start_s"])[0]
        waveform = np.resize(track, round(duration_s * self.sample_rate))  # repeats it
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """The chosen tracks, float32 [B, N]."""
        chosen = [self.choose(s.frames, clip_seed(seed, s.clip_id), own=s.row["source_id"]) for s in samples]
        return np.stack([self._track(i, s.row["duration_s"]) for i, s in zip(chosen, samples, strict=True)])

    def choose(self, frames: np.ndarray, seed: int, own: str) -> int:
        """Row of the index whose music a video gets.

        Args:
            frames: of the video, uint8 [F, H, W, 3].
            seed: of a random choice.
            own: the video's own source, which is never chosen.
        """
        others = np.flatnonzero(self.index["source_id"].to_numpy() != own)
        if not len(others):
            raise ValueError(f"all clips of {self.features / self.from_split} are of source {own}: no other's music")
        return int(np.random.default_rng(seed).choice(others))

    def _track(self, row: int, duration_s: float) -> np.ndarray:
        sample = next(read_clips(self.features / self.from_split, self.index.iloc[[row]]))
        return read_music(sample.row, self.sample_rate, duration_s)

    def most_alike(self, likeness: np.ndarray, own: str) -> int:
        """Row of the index with the highest likeness float [M], other than those of a source."""
        return int(np.argmax(np.where(self.index["source_id"].to_numpy() == own, -np.inf, likeness)))


class RandomTrackSystem(TracksSystem):
    """A training clip's music, at random."""

    name = "random_track"
    rule = "the music of a random training clip"


class ShuffledTruthSystem(TracksSystem):
    """Another test clip's true music: as good as music gets, and nothing to do with the video."""

    name = "shuffled_truth"
    from_split = "test"
    rule = "the true music of another clip of the test split"


class NearestTrackSystem(TracksSystem):
    """The music of the training clip that looks most similar."""

    name = "nearest_track"
    rule = f"the music of the training clip with the most similar colours in {PICTURE} x {PICTURE} fields"

    @cached_property
    def pictures(self) -> np.ndarray:
        """Unit vectors of the index's clips, float32 [M, D]."""
        return np.stack([picture(s.frames) for s in read_clips(self.features / self.from_split, self.index)])

    def choose(self, frames: np.ndarray, seed: int, own: str) -> int:
        """The highest cosine of the pictures, among other sources."""
        return self.most_alike(self.pictures @ picture(frames), own)


def picture(frames: np.ndarray) -> np.ndarray:
    """How a clip looks and changes: mean and deviation over time of its coarse colours, as a unit vector float32 [D].

    Args:
        frames: square, uint8 [F, H, H, 3].
    """
    chosen = frames[np.linspace(0, len(frames) - 1, TracksSystem.looked_at).round().astype(int)]
    coarse = resize_frames(chosen, PICTURE).astype(np.float32) / 255
    vector = np.concatenate([coarse.mean(axis=0).ravel() - 0.5, coarse.std(axis=0).ravel(), [1e-3]])
    return (vector / np.linalg.norm(vector)).astype(np.float32)
