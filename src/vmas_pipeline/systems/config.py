"""Settings of the generation of clips."""

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class GenerationConfig:
    """Which system generates music for which clips."""

    system: str = "vmas"
    """A kind of `systems.SYSTEMS`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The kind's options, such as `int8: true` for vmas."""
    split: Literal["test", "validation"] = "test"
    """The split to evaluate."""
    clips: int = Field(default=256, ge=2)
    """Maximum number of its clips, chosen by a hash of their ids; also the number of retrieval candidates."""
    training_clips: int = Field(default=150, ge=2)
    """Training clips that are also run through the codec: the genre classifier is trained on them."""
    batch: int = Field(default=32, ge=1)
    """Clips generated at once; the music does not depend on it."""
    seed: int = Field(default=0, ge=0)
    """Seed of the music; the choice of clips does not depend on it, so all seeds are compared on the same clips."""
