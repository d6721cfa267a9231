"""The definition of a clip: the unit of work of every stage."""

# N samples

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.media.files import local
from vmas_pipeline.media.sound import read_audio


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ClipSpec:
    """Length, rates and size of a clip."""

    duration_s: float = Field(default=10.0, gt=0)
    """Length in seconds."""
    frame_rate: float = Field(default=9.6, gt=0)
    """Frames per second given to the model."""
    frame_size: int = Field(default=224, ge=8)
    """Side of the square frames in pixels."""
    sample_rate: int = Field(default=32_000, ge=8_000)
    """Sample rate of the music, in Hz."""

    @property
    def frames_per_clip(self) -> int:
        """Number of frames in a clip."""
        return round(self.duration_s * self.frame_rate)

    @property
    def samples_per_clip(self) -> int:
        """Number of audio samples in a clip."""
        return round(self.duration_s * self.sample_rate)


def read_music(row: Mapping[Any, Any], sample_rate: int, duration_s: float) -> np.ndarray:
    """The music of a row of the manifest from its start on, float32 [N]; silence where it ends.

    Raises:
        MediaError: as for `read_audio`.
    """
    path = local(row["audio_path"])
    return read_audio(path, sample_rate=sample_rate, start_s=row["start_s"], duration_s=duration_s)[0]
