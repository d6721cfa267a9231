"""Settings of the evaluation."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EvaluationConfig:
    """The audio model, and the report's contents; the generation settings choose the clips."""

    tagger: Literal["MTT_musicnn", "MSD_musicnn"] = "MTT_musicnn"
    """The musicnn model behind FAD, KL and genres."""
    batch: int = Field(default=32, ge=1)
    """Clips analysed at once."""
    report_clips: int = Field(default=8, ge=0)
    """Clips shown and played in the report."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class RealVideosConfig:
    """Which videos, and how much of each."""

    folder: str = "data/real_videos"
    """A folder of videos, in any directory tree."""
    seconds: float = Field(default=10.0, gt=0)
    """Maximum seconds of each video, from its start."""
    seed: int = Field(default=0, ge=0)
    """Seed of the music."""
    flow_size: int = Field(default=64, ge=16)
    """Short side, in pixels, at which the flow is measured."""
    watch: bool = True
    """Write each video with its music."""
