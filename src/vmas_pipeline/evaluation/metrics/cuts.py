"""Do notes, and the beginnings of bars, fall on the picture's cuts?"""

# N clips, C clips with cuts

from collections.abc import Sequence
from functools import partial

import numpy as np

from vmas_pipeline.evaluation.alignment import matched_pairs
from vmas_pipeline.evaluation.audio_features import AudioFeatures
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics.alignment import PHASES, mean_levels, rate_matched
from vmas_pipeline.evaluation.result import MetricResult

TITLES = {"onset_to_cut": "Cuts with an onset", "downbeat_to_cut": "Cuts with a downbeat"}


def cut_share(times_s: np.ndarray, cuts_s: np.ndarray, frame_rate: float) -> float:
    """The share of the cuts that have a time of their own within one frame period.

    One time serves one cut at most, so the share never exceeds 1; times elsewhere cost nothing: music has notes between
    cuts. Compare with as many times at random.

    >>> cut_share([0.98, 1.02, 3.0], [1.0, 2.0], frame_rate=9.6)
    0.5

    Args:
        times_s: onsets or downbeats in seconds, any order.
        cuts_s: cuts in seconds, any order, at least one.
        frame_rate: frames per second of the video that the cuts are from.

    Raises:
        ValueError: no cuts, or as for `matched_pairs`.
    """
    if not np.size(cuts_s):
        raise ValueError("cuts_s ([]) must hold at least one cut: leave clips without cuts out")
    return len(matched_pairs(times_s, cuts_s, frame_rate)) / np.size(cuts_s)


def compute(measured: Measured) -> list[MetricResult]:
    """Both shares over the clips that have cuts, with blind levels at the music's own rate; None without such clips."""
    return [_result(measured, name) for name in TITLES]


def _result(measured: Measured, name: str) -> MetricResult:
    held = [i for i, cuts in enumerate(measured.cuts) if len(cuts)]
    sources = [measured.sources[i] for i in held]
    with_ = f"{sum(map(len, measured.cuts))} cuts of {len(held)} of {len(measured.cuts)} clips, by PySceneDetect"
    if len(set(sources)) < 2:
        return MetricResult(
            name=name, title=TITLES[name], value=None, measured_with=with_, note="too few of the films have cuts"
        )
    cuts, rate = [measured.cuts[i] for i in held], measured.frame_rate
    duration_s = len(measured.flow[0]) / rate
    score = partial(cut_share, frame_rate=rate)
    musics = {"generated": measured.generated, "true": measured.true, "codec": measured.codec}
    times = {key: [_times(music, name)[i] for i in held] for key, music in musics.items()}
    scores = {key: np.array(list(map(score, own, cuts))) for key, own in times.items()}
    blind = rate_matched(score, times["generated"], cuts, sources, duration_s)
    blind["metronome"] = _even(times["generated"], cuts, duration_s, rate)
    oracle = {"oracle": np.array(list(map(score, cuts, cuts)))}
    levels, intervals = mean_levels(scores | blind | oracle, sources)
    per_clip = np.full(len(measured.cuts), np.nan)
    per_clip[held] = scores["generated"]
    return MetricResult(
        name=name,
        title=TITLES[name],
        value=levels.pop("generated"),
        chance=max(levels[each] for each in blind),
        ceiling=levels["true"],
        interval=intervals.pop("generated"),
        levels={**levels, "clips": float(len(held))},
        level_intervals=intervals,
        per_clip={name: per_clip},
        measured_with=f"{with_}; matched within {1 / rate:.3f} s",
        note="share of the cuts; blind levels have as many notes as the music: another video's music, the music "
        "shifted in time, random times, an even beat; clips without cuts are left out",
    )


def _times(music: AudioFeatures, name: str) -> list[np.ndarray]:
    return music.onsets_s if name == "onset_to_cut" else [sound.rhythm.downbeats_s for sound in music.sounds]


def _even(times: Sequence[np.ndarray], cuts: Sequence[np.ndarray], duration_s: float, rate: float) -> np.ndarray:
    """Each clip's number of notes evenly over its length, [C], with the one phase that is best for all."""
    beats = [
        [(np.arange(len(own)) + phase / PHASES) * duration_s / max(len(own), 1) for own in times]
        for phase in range(PHASES)
    ]
    scores = [np.array([cut_share(own, cut, rate) for own, cut in zip(each, cuts, strict=True)]) for each in beats]
    return max(scores, key=lambda each: float(each.mean()))
