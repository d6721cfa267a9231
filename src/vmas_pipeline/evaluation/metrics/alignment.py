"""MV Align: do notes start when the picture moves?"""

# N clips

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from vmas_pipeline.evaluation.alignment import mv_align
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

Score = Callable[[np.ndarray, np.ndarray], float]
"""Of the times of notes against those of what they should fall on."""


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
