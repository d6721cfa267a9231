"""Settings of the generation of clips."""

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class GenerationConfig:
    """Which system makes music for which clips."""

    system: str = "vmas"
    """A kind of `systems.SYSTEMS`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Of the kind, such as `int8: true` of vmas."""
    split: Literal["test", "validation"] = "test"
    """The split that is measured."""
    clips: int = Field(default=256, ge=2)
    """Its clips at most, drawn by a hash of their ids; also the number of candidates of retrieval."""
    training_clips: int = Field(default=150, ge=2)
    """Clips of the training split that the codec is heard on too: with them genres are learned."""
    batch: int = Field(default=32, ge=1)
    """Clips made at once; the music does not depend on it."""
    seed: int = Field(default=0, ge=0)
    """Of the music; clips are drawn without it, so that other seeds are measured on the same clips."""
