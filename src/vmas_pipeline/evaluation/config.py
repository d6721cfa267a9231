"""Settings of the evaluation."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EvaluationConfig:
    """What listens, and what the report shows; which clips are measured is the generation's setting."""

    tagger: Literal["MTT_musicnn", "MSD_musicnn"] = "MTT_musicnn"
    """The musicnn model that listens: FAD, KL and genres rest on it."""
    batch: int = Field(default=32, ge=1)
    """Clips heard at once."""
    report_clips: int = Field(default=8, ge=0)
    """Clips shown and played in the report."""
