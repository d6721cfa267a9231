"""Settings of the synthetic music videos."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.scale_out import Backend


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SampleDataConfig:
    """How many films, and how they are made."""

    videos: int = Field(ge=0, le=1_000_000)
    """Sound films, the genres in equal parts. 0: none, for a data set of one's own."""
    flawed: int = Field(ge=0, le=1_000)
    """Films of each kind that curation must refuse."""
    seed: int = Field(default=0, ge=0)
    """Another seed gives other films throughout."""
    duration_s: float = Field(default=10.0, ge=2)
    """Length in seconds."""
    frame_rate: float = Field(default=24.0, gt=0)
    """Frames per second."""
    size: int = Field(default=64, ge=16, multiple_of=2)
    """Side of the square picture in pixels."""
    sample_rate: int = Field(default=16_000, ge=8_000)
    """Of the music, in Hz."""
    films_per_shard: int = Field(default=40, ge=1)
    """Films that one task writes."""
    backend: Backend = "ray"
    """ray, or inline: in this process."""
    workers: int | None = Field(default=None, ge=1)
    """Tasks at a time on this machine; none: one a core."""
