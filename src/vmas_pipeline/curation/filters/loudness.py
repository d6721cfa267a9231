"""Silent clips."""

from typing import ClassVar

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.curation.filters.interface import Clip, ClipFilter, Scores, Verdict


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Loudness(ClipFilter):
    """Refuses clips that are silent."""

    minimum_db: float = Field(default=-55.0, lt=0)
    """Clips below this RMS, in dB of full scale, are silent."""

    columns: ClassVar[dict[str, tuple[float, float]]] = {"loudness_db": (-120, 12)}

    def measure(self, clip: Clip) -> Scores:
        """RMS of the waveform in dB of full scale; -120 for digital silence."""
        power = float(np.square(clip.waveform, dtype=np.float64).mean())
        return {"loudness_db": 10 * np.log10(power + 1e-12)}

    def verdict(self, scores: Scores) -> Verdict | None:
        """Silent below the bound."""
        if scores["loudness_db"] >= self.minimum_db:
            return None
        detail = (
            f"is silent: {scores['loudness_db']:.0f} dB, below {self.minimum_db:g} "
            "(curation.filters.loudness.minimum_db)"
        )
        return Verdict(reason="silent", detail=detail)
