"""Settings of the feature extraction, and of the plan for a larger one."""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class FeaturesConfig:
    """How clips become training samples."""

    flow_method: Literal["dis", "raft"] = "dis"
    """Optical flow: OpenCV's DIS, or torchvision's RAFT (the paper's), which needs its weights."""
    flow_size: int | None = Field(default=None, ge=16)
    """Short side in pixels at which flow is computed; null keeps the frames' size."""
    raft_weights: Path | None = None
    """File of RAFT's weights."""
    beat_window_s: float = Field(default=0.5, ge=0)
    """Video beats: window in which a beat has the most flow, seconds."""
    beat_threshold: float = Field(default=0.0, ge=0, lt=1)
    """Video beats: fraction of the clip's largest flow that a beat must exceed; not in the paper."""
    alignment_window_s: float = Field(default=0.1, ge=0)
    """Equation 3: maximum distance between a video beat and a music beat, seconds."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Equation 3: weight of tokens without an aligned beat."""
    shard_size: int = Field(default=64, ge=1)
    """Clips per shard; a shard is one task."""
    backend: Literal["ray", "inline"] = "ray"
    """Where shards are computed: on Ray, or in this process."""
    workers: int | None = Field(default=None, ge=1)
    """Concurrent shards; null uses all cores."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CurationPlanConfig:
    """The candidates and the cluster that a plan is made for."""

    candidates: int = Field(default=15_300_000, ge=1)
    """Videos to curate; the default is the paper's (Table 1)."""
    duration_s: float = Field(default=240.0, gt=0)
    """Mean length of a candidate, in seconds."""
    cores: int = Field(default=1000, ge=1)
    """CPU cores of the cluster."""
    gpus: int = Field(default=8, ge=1)
    """Its GPUs, of the kind that is here; they count only if this machine has one."""
    sample: int = Field(default=16, ge=2)
    """Videos of 01_raw that are worked through to measure the rates."""
