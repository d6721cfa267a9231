"""MV Align: do notes start when the picture moves?"""

# N clips

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from vmas_pipeline.audio.onsets import match_times
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.features.peaks import PeakMethod, flow_peaks

DEFINITIONS: dict[str, tuple[str, PeakMethod, str]] = {
    "mv_align": ("MV Align", "prominent", "prominent peaks of the flow"),
    "mv_align_local_maximum": ("MV Align, local maxima", "local_maximum", "every local maximum of the flow"),
}
"""Name -> title, definition of a peak, and the definition in words."""

PARTNERS = 16
"""Number of other videos per piece of music, and of random pieces per video."""

SHIFTS = np.arange(1, 8) / 8
"""By how much music is shifted in time, around the end, as fractions of the clip."""

PERIODS_S = np.arange(0.15, 3.01, 0.05)
PHASES = 4
"""Grid of the blind metronomes: periods in seconds, and number of equally spaced phases."""

_ROUNDING_S = 1e-6  # times are float32

Score = Callable[[np.ndarray, np.ndarray], float]
"""Of the times of notes against those of what they should fall on."""


def mv_align(onsets_s: np.ndarray, peaks_s: np.ndarray, frame_rate: float) -> float:
    """Overlap of the music's onsets with the peaks of the video's optical flow, as intersection over union.

    An onset and a peak match when they are at most one frame period apart; each matches at most once, and the number of
    pairs is maximal. With m pairs the score is m / (onsets + peaks - m).

    Two onsets near one peak count once, and the peak at 2.0 s has no onset:

    >>> mv_align([0.95, 1.02, 3.0], [1.0, 2.0, 3.05], frame_rate=9.6)
    0.5

    Args:
        onsets_s: Onset times of the music in seconds, any order.
        peaks_s: Peak times of the mean flow magnitude in seconds, any order.
        frame_rate: Frames per second of the video that the peaks are from.

    Returns:
        A score in [0, 1]: 1 when every onset has a peak and vice versa, 0 when nothing matches. Also 0 when either side
        is empty or both are: silence never counts as alignment.

    Raises:
        ValueError: A frame rate that is not positive, or non-finite times.
    """
    count = len(matched_pairs(onsets_s, peaks_s, frame_rate))
    return count / (np.size(onsets_s) + np.size(peaks_s) - count) if count else 0.0


def matched_pairs(onsets_s: np.ndarray, peaks_s: np.ndarray, frame_rate: float) -> list[tuple[int, int]]:
    """The pairs that `mv_align` counts: indices of an onset and a peak, sorted by time.

    Args:
        onsets_s, peaks_s, frame_rate: as for `mv_align`.

    Raises:
        ValueError: as for `mv_align`.
    """
    if not frame_rate > 0:
        raise ValueError(f"frame_rate ({frame_rate}) must be positive")
    onsets, peaks = (np.asarray(times, np.float64).ravel() for times in (onsets_s, peaks_s))
    if not (np.isfinite(onsets).all() and np.isfinite(peaks).all()):
        raise ValueError("onsets_s and peaks_s must be finite times in seconds")
    return match_times(onsets, peaks, 1 / frame_rate + _ROUNDING_S)


def compute(measured: Measured) -> list[MetricResult]:
    """MV Align under both definitions of a peak, each with its blind levels."""
    return [_score(measured, name) for name in DEFINITIONS]


def _score(measured: Measured, name: str) -> MetricResult:
    title, method, peaks_are = DEFINITIONS[name]
    rate, sources = measured.frame_rate, measured.sources
    peaks = [flow_peaks(flow, rate, method) for flow in measured.flow]
    musics = {"generated": measured.generated, "true": measured.true, "codec": measured.codec}
    scores = {key: _each(music.onsets_s, peaks, rate) for key, music in musics.items()}
    blind, period_s = blind_scores(measured.generated.onsets_s, peaks, sources, len(measured.flow[0]) / rate, rate)
    scores |= blind | {"oracle": _each(peaks, peaks, rate)}
    levels, intervals = mean_levels(scores, sources)
    counts = {f"n_peaks_{method}": np.array([len(times) for times in peaks])}
    counts |= {f"n_onsets_{key}": np.array([len(o) for o in musics[key].onsets_s]) for key in ("generated", "true")}
    return MetricResult(
        name=name,
        title=title,
        value=levels.pop("generated"),
        chance=max(levels[name] for name in blind),
        ceiling=levels["true"],
        interval=intervals.pop("generated"),
        levels=levels,
        level_intervals=intervals,
        per_clip={f"{name}_{key}": values for key, values in scores.items()} | counts,
        measured_with=f"{peaks_are}; onsets by spectral flux; matched within {1 / rate:.3f} s",
        note=f"best blind metronome {levels['metronome']:.3f} (a beat every {period_s:.2f} s), as many onsets at "
        f"random {levels['random']:.3f}, shifted in time {levels['shifted']:.3f}, under other videos "
        f"{levels['shuffled']:.3f}; true music through the codec {levels['codec']:.3f}; a note on each peak alone "
        f"{levels['oracle']:.3f}",
    )


def blind_scores(
    onsets: Sequence[np.ndarray],
    peaks: Sequence[np.ndarray],
    sources: Sequence[str],
    duration_s: float,
    frame_rate: float,
) -> tuple[dict[str, np.ndarray], float]:
    """Baselines that do not hear when the picture moves: `rate_matched` music, and the best metronome.

    Args:
        onsets, peaks: of the music and of the video of N clips, seconds.
        sources: the source video of each clip.
        duration_s: of a clip.
        frame_rate: as for `mv_align`.

    Returns:
        The scores of each clip, [N], by name; and the metronome's period in seconds.
    """
    period_s, metronome = best_metronome(peaks, duration_s, frame_rate)
    score = partial(mv_align, frame_rate=frame_rate)
    return {**rate_matched(score, onsets, peaks, sources, duration_s), "metronome": metronome}, period_s


def rate_matched(
    score: Score,
    times: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    sources: Sequence[str],
    duration_s: float,
) -> dict[str, np.ndarray]:
    """What music of as many notes scores when its timing has nothing to do with the picture.

    Args:
        score: what is measured.
        times, targets: of the notes and of what they should fall on, in N clips, seconds.
        sources: the source video of each clip.
        duration_s: of a clip.

    Returns:
        The scores of each clip, [N]: shuffled, the music with the videos of other sources; shifted, the music moved in
        time by `SHIFTS`; random, as many notes at random times.
    """
    draw, partners = np.random.default_rng(0), other_sources(sources, PARTNERS)
    blind: dict[str, list[float]] = {"shuffled": [], "shifted": [], "random": []}
    for own, target, others in zip(times, targets, partners, strict=True):
        moved = [(own + shift * duration_s) % duration_s for shift in SHIFTS]
        drawn = [draw.uniform(0, duration_s, len(own)) for _ in range(PARTNERS)]
        blind["shuffled"].append(float(np.mean([score(own, targets[i]) for i in others])))
        blind["shifted"].append(float(np.mean([score(each, target) for each in moved])))
        blind["random"].append(float(np.mean([score(each, target) for each in drawn])))
    return {name: np.array(values) for name, values in blind.items()}


def mean_levels(
    scores: Mapping[str, np.ndarray], sources: Sequence[str]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Means of scores [N], by name, and their 95 % intervals over the sources."""
    found = {name: bootstrap_mean(values, groups=np.array(sources)) for name, values in scores.items()}
    intervals = {name: (each.low, each.high) for name, each in found.items()}
    return {name: each.mean for name, each in found.items()}, intervals


def best_metronome(peaks: Sequence[np.ndarray], duration_s: float, frame_rate: float) -> tuple[float, np.ndarray]:
    """The single beat for all clips that scores best: the best achievable without the video.

    Period and phase are optimised on these same clips, so the level is, if anything, too high.

    Args:
        peaks: of N clips, seconds.
        duration_s: of a clip.
        frame_rate: as for `mv_align`.

    Returns:
        The period in seconds, and the score of each clip, [N].
    """
    best = (0.0, np.zeros(len(peaks)))
    for period in PERIODS_S:
        for phase in range(PHASES):
            beats = np.arange(period * phase / PHASES, duration_s, period)
            scores = _each([beats] * len(peaks), peaks, frame_rate)
            best = max(best, (float(period), scores), key=lambda found: found[1].mean())
    return best


def other_sources(sources: Sequence[str], count: int) -> list[list[int]]:
    """For each clip, the indices of up to `count` clips from other sources, identical on every call.

    Raises:
        ValueError: All clips are from one source.
    """
    names, random = np.asarray(sources), np.random.default_rng(0)
    if len(np.unique(names)) < 2:
        raise ValueError(f"all clips are of source {names[0]}: a shuffled pairing needs two")
    return [random.permutation(np.flatnonzero(names != name))[:count].tolist() for name in names]


def _each(onsets: Sequence[np.ndarray], peaks: Sequence[np.ndarray], rate: float) -> np.ndarray:
    return np.array([mv_align(o, p, rate) for o, p in zip(onsets, peaks, strict=True)])
