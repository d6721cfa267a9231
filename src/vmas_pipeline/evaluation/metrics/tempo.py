"""Has the music the tempo of the true music?"""

# N clips

import numpy as np

from vmas_pipeline.evaluation.audio_features import AudioFeatures
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics.alignment import PARTNERS, other_sources
from vmas_pipeline.evaluation.result import MetricResult

WITHIN = 0.04
"""The largest difference, as a fraction of the reference."""

MULTIPLES = (1 / 3, 1 / 2, 1, 2, 3)
"""Of the reference that count as the same tempo."""

CONSTANTS_BPM = np.arange(40, 241)
"""Tempi to choose the best single one from."""


def tempo_agrees(reference: np.ndarray, estimate: np.ndarray, multiples: tuple[float, ...] = MULTIPLES) -> np.ndarray:
    """Whether tempi agree within 4 %, up to a factor: Accuracy 2 of Gouyon et al. (2006), section II-B.

    >>> tempo_agrees(np.array([100, 100, 100]), np.array([51, 99, 140]))
    array([ True,  True, False])

    Args:
        reference: beats per minute, positive, [N].
        estimate: the same, [N]; 0, no tempo, agrees with none.
        multiples: the factors; (1,) is Accuracy 1.

    Returns:
        bool [N].
    """
    expected = np.asarray(reference, np.float64)[..., None] * np.array(multiples)  # [N, multiples]
    return (np.abs(np.asarray(estimate, np.float64)[..., None] - expected) <= WITHIN * expected + 1e-9).any(axis=-1)


def compute(measured: Measured) -> list[MetricResult]:
    """The share of clips whose tempo is the true music's; the ceiling is the true music through the codec."""
    true, generated, codec = (_tempi(music) for music in (measured.true, measured.generated, measured.codec))
    held = np.flatnonzero(true > 0)
    sources = np.array(measured.sources)[held]
    own, through = tempo_agrees(true[held], generated[held]), tempo_agrees(true[held], codec[held])
    if len(np.unique(sources)) < 2:
        return [MetricResult(name="tempo", title="Tempo", value=None, note="too few of the films' music has a tempo")]
    others = other_sources(list(sources), PARTNERS)
    shuffled = [tempo_agrees(true[held][i], true[held][each]).mean() for i, each in enumerate(others)]
    constant = max(float(tempo_agrees(true[held], np.full(len(held), bpm)).mean()) for bpm in CONSTANTS_BPM)
    interval = bootstrap_mean(own, groups=sources)
    levels = {"shuffled": float(np.mean(shuffled)), "constant": constant, "codec": float(through.mean())}
    exact = float(tempo_agrees(true[held], generated[held], (1,)).mean())
    return [
        MetricResult(
            name="tempo",
            title="Tempo",
            value=interval.mean,
            chance=max(levels["shuffled"], constant),
            ceiling=levels["codec"],
            interval=(interval.low, interval.high),
            levels={**levels, "exact": exact, "clips": float(len(held))},
            per_clip={"tempo_generated": generated, "tempo_true": true},
            measured_with="librosa's tempo of the whole clip, against that of the true music, within 4 % of it, its "
            "half, third, double or triple",
            note=f"{exact:.3f} without such factors; chance is the better of one tempo for all clips and another "
            "video's true music, the ceiling the true music through the codec",
        )
    ]


def _tempi(music: AudioFeatures) -> np.ndarray:
    return np.array([sound.rhythm.tempo_bpm for sound in music.sounds])
