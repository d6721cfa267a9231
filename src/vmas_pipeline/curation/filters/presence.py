"""Clips with holes: frames or audio that are missing or cannot be decoded."""

from typing import ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.curation.filters.interface import Clip, ClipFilter, Scores, Verdict


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Presence(ClipFilter):
    """Refuses clips of whose picture or sound too little can be decoded."""

    minimum: float = Field(default=0.98, gt=0, le=1)
    """Clips with a smaller share of their frames, or of their audio, are refused."""

    columns: ClassVar[dict[str, tuple[float, float]]] = {"picture_present": (0, 1), "sound_present": (0, 1)}

    def measure(self, clip: Clip) -> Scores:
        """The two shares."""
        return {"picture_present": clip.picture, "sound_present": clip.sound}

    def verdict(self, scores: Scores) -> Verdict | None:
        """Judges the picture first."""
        for what in ("picture", "sound"):
            share = scores[f"{what}_present"]
            if share < self.minimum:
                detail = (
                    f"has {share:.0%} of its {what}: at least {self.minimum:.0%} is asked for "
                    "(curation.filters.presence.minimum)"
                )
                return Verdict(reason=f"{what}_missing", detail=detail)
        return None
