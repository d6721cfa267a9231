"""Tempo, beats and downbeats of a waveform."""

# N samples, H harmony frames, B beats

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from vmas_pipeline.audio.onsets import CLICK, compiling, load_librosa
from vmas_pipeline.audio.pitch import HOP_S as HARMONY_HOP_S
from vmas_pipeline.audio.pitch import chroma

HOP_S = 0.032
"""Of the onset strength; a tempo of 120 is exact to 2 %."""

BANDS = 40
"""Mel bands of the onset strength; librosa's 128, of longer windows, cost twice the time and give the same tempi."""

METRES = (3, 4)
"""Beats a bar to choose from."""


def _none() -> np.ndarray:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rhythm:
    """An estimate of the metre; without a beat, the tempo is 0."""

    tempo_bpm: float = 0.0
    beats_s: np.ndarray = field(default_factory=_none)  # float32 [B], seconds, ascending
    downbeats_s: np.ndarray = field(default_factory=_none)  # those of them that begin a bar


def rhythm(waveform: np.ndarray, sample_rate: int, harmony: np.ndarray | None = None) -> Rhythm:
    """librosa's tempo and beats; the downbeats are every third or fourth beat, where the harmony changes most.

    On the true music of the synthetic test split (5 s a clip) the tempo agrees within 4 % with the score's, its half or
    double, third or triple in 93 % of the clips, the beats with an F-measure of 0.77 (within 0.1 s), the downbeats with
    0.50, where every fourth beat from a random one has 0.18. Downbeats are a guess, no more.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second; the analysis hop is 32 ms at any rate.
        harmony: `pitch.chroma` of the waveform, where it is known already.
    """
    hop = round(sample_rate * HOP_S)
    if len(waveform) < 2 * hop or not np.any(waveform):
        return Rhythm()
    librosa = load_librosa()
    settings = {"sr": sample_rate, "hop_length": hop}
    strength = librosa.onset.onset_strength(y=np.asarray(waveform, np.float32), n_fft=2 * hop, n_mels=BANDS, **settings)
    if not strength.any():
        return Rhythm()
    tempo = float(librosa.feature.tempo(onset_envelope=strength, **settings)[0])
    frames = load_beat_tracker()(onset_envelope=strength, bpm=tempo, trim=False, **settings)[1]
    beats = (frames * hop / sample_rate).astype(np.float32)
    changes = harmony_changes(chroma(waveform, sample_rate) if harmony is None else harmony, beats)
    return Rhythm(tempo_bpm=tempo, beats_s=beats, downbeats_s=downbeats(beats, changes))


@cache
def load_beat_tracker() -> Callable[..., Any]:
    """librosa's, compiled as in `load_librosa`, but apart: it takes seconds, and finding onsets does not need it."""
    librosa = load_librosa()
    with compiling():
        librosa.beat.beat_track(y=CLICK, bpm=120)
    return librosa.beat.beat_track


def harmony_changes(harmony: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    """How much the harmony changes at each beat: 1 less the cosine of the mean chroma vectors before and after, [B].

    Args:
        harmony: chroma vectors, float [H, 12], H at least 1.
        beats_s: seconds, ascending, [B].
    """
    starts = np.round(np.concatenate([[0], beats_s]) / HARMONY_HOP_S).clip(0, len(harmony) - 1).astype(int)
    bounds = [*starts, len(harmony)]
    vectors = np.stack([harmony[a : max(b, a + 1)].sum(axis=0) for a, b in pairwise(bounds)])  # [B + 1, 12]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return 1 - (vectors[:-1] * vectors[1:]).sum(axis=1)


def downbeats(beats_s: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """The every third or fourth of the beats at which the changes exceed those at the other beats most.

    Fewer than two beats have no downbeat.

    >>> downbeats(np.arange(8.0), np.array([0, 1, 0, 0, 0, 1, 0, 0]))
    array([1., 5.])

    Args:
        beats_s: [B].
        changes: how likely each is a downbeat, [B].
    """
    best, found = -np.inf, beats_s[:0]
    for metre in METRES:
        for first in range(min(metre, len(beats_s))):
            inside = np.arange(len(beats_s)) % metre == first
            if inside.all():
                continue
            contrast = changes[inside].mean() - changes[~inside].mean()
            if contrast > best:
                best, found = contrast, beats_s[inside]
    return found
