"""What a filter is: settings, the scores that it measures, and the verdict on them."""

# T frames, S side of a frame in pixels, N samples

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vmas_pipeline.media import Measured, read_audio
from vmas_pipeline.versioning import content_hash

SAMPLE_RATE = 16_000
"""Clips are listened to at this rate, the music tagger's, in Hz."""

Scores = Mapping[str, float]
"""What filters have measured: their columns."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """What a filter sees of a video."""

    info: Measured
    frames: np.ndarray
    """uint8 RGB [T, S, S, 3] of the filter's `side`, spread evenly over the video (`curation.frames`)."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What a filter sees and hears of a clip."""

    audio: Path
    """The video, or its music without the voice."""
    start_s: float
    duration_s: float
    picture: float
    """Share of the clip for which frames can be decoded."""
    sound: float
    """Share of the clip for which audio can be decoded."""

    @cached_property
    def waveform(self) -> np.ndarray:
        """float32 [N] at `SAMPLE_RATE`, read when a filter asks for it."""
        return read_audio(self.audio, sample_rate=SAMPLE_RATE, start_s=self.start_s, duration_s=self.duration_s)[0]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a filter refuses a video or a clip."""

    reason: str
    """A word for machines: `still_picture`."""
    detail: str
    """The rest of a sentence that begins with the video's name: what was measured, the bound, and its setting."""


class Filter(ABC):
    """A filter with its settings: a frozen dataclass of them."""

    columns: ClassVar[dict[str, tuple[float, float]]]
    """Names of the scores, with the least and the greatest possible value."""
    execution: ClassVar[frozenset[str]] = frozenset()
    """Settings that change how a score is computed and not what it is, such as a device."""

    @abstractmethod
    def verdict(self, scores: Scores) -> Verdict | None:
        """Judges by the filter's own columns; None: nothing is wrong."""

    def prepare(self) -> None:  # noqa: B027 - most filters need nothing
        """Called once before the work begins.

        Raises:
            ValueError: what the filter needs is missing, weights for instance; the message names the way out.
        """

    def identity(self) -> dict[str, Any]:
        """The settings that scores and verdicts depend on; files are named by their content."""
        settings = {name: value for name, value in vars(self).items() if name not in self.execution}
        return {name: content_hash(value) if isinstance(value, Path) else value for name, value in settings.items()}


class VideoFilter(Filter):
    """Judges a video as a whole by how it looks."""

    side: int = 64
    """Side of the square frames that it is given, in pixels; a class attribute or a property."""

    @abstractmethod
    def measure(self, video: Video) -> Scores:
        """The filter's columns for a video."""


class ClipFilter(Filter):
    """Judges each clip."""

    @abstractmethod
    def measure(self, clip: Clip) -> Scores:
        """The filter's columns for a clip."""

    def mend(self, video: Path, folder: Path, name: str) -> Path | None:
        """Makes other audio for a video of which this filter refused clips; they are then judged again by that.

        Args:
            video: the video.
            folder: where to keep the audio.
            name: of the video, unique.

        Returns:
            The audio file; None where the filter mends nothing.

        Raises:
            MediaError: the video's audio cannot be read.
        """
        return None
