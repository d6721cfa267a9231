"""What is seen in a video and heard in its takes, on one clock: for the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from vmas_pipeline.media import Limits, read_audio, read_frames, whole_file

if TYPE_CHECKING:
    from vmas_pipeline.media import ClipSpec

Progress = Callable[[str, int, int], None]

_BARS = 800
"""Points of a waveform's outline."""

_RATE = 8000
"""Samples per second that outlines are drawn from."""

_MOST_FLOW = 4000
"""Points of the flow curve; longer ones keep the largest of each few."""


class TakeAudio(BaseModel):
    """A take."""

    number: int
    onsets_s: list[float]
    outline: list[float] = Field(description="peak levels of equal parts of the take, 0 to 1")


class Analysis(BaseModel):
    """A video and its takes; times in seconds after the first frame."""

    duration_s: float
    flow_rate: float = Field(description="points of the flow curve a second")
    flow: list[float] = Field(description="mean motion of the picture, its largest is 1")
    peaks_s: list[float] = Field(description="peaks of the motion")
    cuts_s: list[float]
    takes: list[TakeAudio]


def analyse_video(video: Path, duration_s: float, clip: "ClipSpec", limits: Limits, progress: Progress) -> Analysis:
    """See a video's motion and cuts, clip by clip as the model does.

    Args:
        video: the file.
        duration_s: its length.
        clip: frame rate, frame size and length of the model's clips.
        limits: of reading it.
        progress: called after each clip.
    """
    from vmas_pipeline.features.flow import mean_flow
    from vmas_pipeline.features.peaks import flow_peaks
    from vmas_pipeline.production.cuts import find_cuts

    rate, frames = clip.frame_rate, clip.frames_per_clip
    starts = np.arange(0, max(1, int(duration_s * rate)), frames)
    flow, peaks = [], []
    for index, start in enumerate(starts):
        progress("looking", index, len(starts) + 1)
        seen = read_frames(
            video, frame_rate=rate, size=clip.frame_size, start_s=start / rate, frames=frames + 1, limits=limits
        )
        motion = mean_flow(seen)
        flow.append(motion)
        peaks.append(flow_peaks(motion[:-1], rate) + start / rate)  # as the scores find them: within the clip
    cuts = find_cuts(video, 0.0, duration_s, limits)
    curve, curve_rate = _thinned(np.concatenate(flow)[: max(1, int(duration_s * rate))], rate)
    within = np.concatenate(peaks)
    return Analysis(
        duration_s=duration_s,
        flow_rate=curve_rate,
        flow=_rounded(curve / max(float(curve.max()), 1e-9)),
        peaks_s=_rounded(within[within < duration_s]),
        cuts_s=_rounded(np.array(cuts)),
        takes=[],
    )


def analyse_takes(folder: Path) -> list[TakeAudio]:
    """Hear the takes of a production; their onsets are those that it was scored by."""
    onsets = json.loads((folder / "production.json").read_text())["onsets_s"]
    return [
        TakeAudio(number=number, onsets_s=each, outline=_outline(folder / f"take-{number}.wav"))
        for number, each in enumerate(onsets, 1)
    ]


def _outline(music: Path) -> list[float]:
    waveform = np.abs(read_audio(music, sample_rate=_RATE).reshape(-1))
    parts = np.array_split(waveform, min(_BARS, max(1, waveform.size)))
    return _rounded(np.array([part.max(initial=0.0) for part in parts]))


def write_analysis(analysis: Analysis, path: Path) -> None:
    """Store an analysis."""
    with whole_file(path) as temporary:
        temporary.write_text(analysis.model_dump_json())


def read_analysis(path: Path) -> Analysis:
    """Read what `write_analysis` stored."""
    return Analysis.model_validate_json(path.read_text())


def _thinned(curve: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    each = -(-len(curve) // _MOST_FLOW)
    padded = np.pad(curve, (0, -len(curve) % each))
    return padded.reshape(-1, each).max(axis=1), rate / each


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]
