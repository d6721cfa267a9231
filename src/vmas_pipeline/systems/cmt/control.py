"""What CMT takes from a video: a tempo, how dense each bar shall be, and where beats shall fall, how strong.

The original has the flow of 360p frames in 16 levels and the visual beats of visbeat in 10, with limits from its own
videos. Here both come from our flow and its peaks, and the limits make the levels as frequent in videos as they are in
the scores that the network learnt from.
"""

# F frames, L levels

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np

from vmas_pipeline.systems.cmt.words import BAR, BEAT, DENSITY, PLACE, STRENGTH, TICKS, TYPE, VOCABULARY

if TYPE_CHECKING:
    import pandas as pd

USUAL_TEMPO = 120.0
"""Beats a minute; what a video's tempo is drawn to, and that of a video in which nothing moves."""

TEMPI = (60.0, 180.0)
"""Beats a minute, at least and at most."""

PUBLISHED_DENSITIES = (
    *(0.0195, 0.0091, 0.0065, 0.0075, 0.0193, 0.0234, 0.0334, 0.0443, 0.2709),
    *(0.1173, 0.0788, 0.0525, 0.0704, 0.0446, 0.0356, 0.0278, 0.1391),
)
PUBLISHED_STRENGTHS = (0.5438, 0.2305, 0.1337, 0.0577, 0.0213, 0.0090, 0.0025, 0.0009, 0.0003, 0.0001)
"""Shares of the bars of densities 1 to 17, and of the beats of strengths 1 to 10, in the data of the published
checkpoint, from comments in its repository."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What is asked of a bar."""

    density: int
    """Its number of ticks with notes, plus 1."""
    beats: tuple[tuple[int, int], ...]
    """Ticks in the bar where a beat shall fall, and their strengths, ascending."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """What is asked of a piece."""

    tempo: float
    """Beats a minute."""
    ticks: int
    """Its length."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Limits between the levels of a video's flow, ascending; a value has as many levels below it as limits."""

    density: tuple[float, ...]
    """Of the mean flow of a bar."""
    strength: tuple[float, ...]
    """Of the rise of a peak above the video's median flow."""

    @classmethod
    def between(
        cls, curves: "pd.DataFrame", frame_rate: float, music: tuple[Sequence[float], Sequence[float]]
    ) -> "Levels":
        """Limits with which videos have each level as often as music has.

        Args:
            curves: flow and peaks_s of the videos to match.
            frame_rate: of their flow, per second.
            music: shares of the densities from 1, and of the strengths from 1, as `shares` has them.
        """
        bars: list[float] = []
        rises: list[float] = []
        for flow, peaks in zip(curves["flow"], curves["peaks_s"], strict=True):
            curve = np.asarray(flow, np.float64)
            bars += _per_bar(curve, frame_rate, tempo_of(curve, frame_rate))
            rises += _rises(curve, np.asarray(peaks), frame_rate).tolist()
        return cls(density=_limits(bars, music[0]), strength=_limits(rises, music[1]))


def shares(pieces: Iterable[np.ndarray]) -> tuple[list[float], list[float]]:
    """Of the densities of all bars, and of the strengths of all places, in pieces of words [W, A]; from 1."""
    words = np.concatenate([piece[:, : STRENGTH + 1] for piece in pieces])
    places = words[words[:, TYPE] == PLACE]
    is_bar = places[:, BEAT] == BAR
    columns = ((places[is_bar, DENSITY], VOCABULARY[DENSITY]), (places[~is_bar, STRENGTH], VOCABULARY[STRENGTH]))
    counts = [np.bincount(values, minlength=size)[1:] for values, size in columns]
    density, strength = ((count / max(1, count.sum())).tolist() for count in counts)
    return density, strength


def control_of(flow: np.ndarray, peaks_s: np.ndarray, frame_rate: float, duration_s: float, levels: Levels) -> Control:
    """What a video asks for.

    Args:
        flow: mean flow of each frame pair, float [F - 1]; empty for a single frame.
        peaks_s: times of its peaks.
        frame_rate: per second.
        duration_s: of the video.
        levels: of the network.
    """
    curve = np.asarray(flow, np.float64)
    tempo = tempo_of(curve, frame_rate)
    ticks = max(1, ceil(duration_s / 60 * tempo * TICKS / 4))
    asked = _per_bar(curve, frame_rate, tempo)
    strengths = 1 + np.searchsorted(levels.strength, _rises(curve, peaks_s, frame_rate), side="right")
    beats: list[dict[int, int]] = [{} for _ in range(ceil(ticks / TICKS))]
    for time_s, strength in zip(np.asarray(peaks_s, np.float64), strengths.tolist(), strict=True):
        bar, tick = divmod(round(time_s / 60 * tempo * TICKS / 4), TICKS)
        if bar < len(beats):
            beats[bar][tick] = max(strength, beats[bar].get(tick, 0))
    bars = []
    for number, placed in enumerate(beats):
        density = 1 + int(np.searchsorted(levels.density, asked[number] if number < len(asked) else 0.0, side="right"))
        bars.append(Bar(density=density, beats=tuple(sorted(placed.items()))))
    return Control(tempo=tempo, ticks=ticks, bars=tuple(bars))


def tempo_of(flow: np.ndarray, frame_rate: float) -> float:
    """The tempo of a flow curve [F - 1], in beats a minute within `TEMPI`, from its autocorrelation."""
    from vmas_pipeline.audio.onsets import load_librosa

    rise = np.maximum(flow - np.median(flow), 0) if len(flow) else flow
    if not rise.any():
        return USUAL_TEMPO
    found = float(
        load_librosa().feature.tempo(onset_envelope=rise, sr=frame_rate, hop_length=1, start_bpm=USUAL_TEMPO)[0]
    )
    if not isfinite(found) or found <= 0:
        return USUAL_TEMPO
    while found < TEMPI[0]:
        found *= 2
    while found > TEMPI[1]:
        found /= 2
    return found


def _per_bar(flow: np.ndarray, frame_rate: float, tempo: float) -> list[float]:
    """Mean flow of each bar, the last of which may be short."""
    bar_frames = frame_rate * 4 * 60 / tempo
    edges = np.arange(0, len(flow), bar_frames).round().astype(int)
    return [float(part.mean()) for part in np.split(flow, edges[1:]) if len(part)]


def _rises(flow: np.ndarray, peaks_s: np.ndarray, frame_rate: float) -> np.ndarray:
    """Height of each peak above the median flow."""
    if not len(peaks_s):
        return np.zeros(0)
    places = np.floor(np.asarray(peaks_s, np.float64) * frame_rate).astype(int).clip(0, len(flow) - 1)
    return flow[places] - np.median(flow)


def _limits(values: Sequence[float], wanted: Sequence[float]) -> tuple[float, ...]:
    """Quantiles of the values at the cumulative shares wanted, up to the highest level that has any."""
    cumulative = np.cumsum(np.trim_zeros(np.asarray(wanted), "b"))[:-1].clip(0, 1)
    return tuple(np.quantile(values, cumulative).tolist()) if len(values) else (np.inf,) * len(cumulative)
