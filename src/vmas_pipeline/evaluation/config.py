"""Settings of the evaluation."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EvaluationConfig:
    """How a model is measured, and what the report shows."""

    split: Literal["test", "validation"] = "test"
    """The split that is measured."""
    clips: int = Field(default=256, ge=2)
    """Clips measured at most, drawn by a hash of their ids; also the number of candidates of retrieval."""
    training_clips: int = Field(default=200, ge=2)
    """Clips of the training split whose true music teaches the genres, and sets the floor of FAD."""
    tagger: Literal["MTT_musicnn", "MSD_musicnn"] = "MTT_musicnn"
    """The musicnn model that listens: FAD, KL and genres rest on it."""
    batch: int = Field(default=32, ge=1)
    """Clips generated at once."""
    seed: int = Field(default=0, ge=0)
    """Seed of the generation; clips are drawn without it, so that other seeds are measured on the same clips."""
    int8: bool = False
    """Generate on the CPU from weights of 8 bits, as `vmas generate --int8` does: what that costs in quality."""
    report_clips: int = Field(default=8, ge=0)
    """Clips shown and played in the report."""
