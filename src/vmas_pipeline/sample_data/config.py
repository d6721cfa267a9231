"""Settings of the synthetic music videos."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.scale_out import Backend


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SampleDataConfig:
    """How many videos, and how they are generated."""

    videos: int = Field(ge=0, le=1_000_000)
    """Flawless videos, divided equally between the genres. 0: none, to use your own data set."""
    flawed: int = Field(ge=0, le=1_000)
    """Videos of each kind that curation must reject."""
    seed: int = Field(default=0, ge=0)
    """A different seed gives entirely different videos."""
    duration_s: float = Field(default=10.0, ge=2)
    """Length in seconds."""
    frame_rate: float | None = Field(default=None, gt=0)
    """Frames per second of all videos; null: each has its own, from 12 to 30."""
    size: int = Field(default=64, ge=16, multiple_of=2)
    """Short side of the picture in pixels; each video has its own aspect ratio."""
    sample_rate: int = Field(default=16_000, ge=8_000)
    """Sample rate of the music, in Hz."""
    films_per_shard: int = Field(default=40, ge=1)
    """Videos written by one task."""
    backend: Backend = "ray"
    """ray, or inline: in this process."""
    workers: int | None = Field(default=None, ge=1)
    """Concurrent tasks on this machine; none: one per core."""
