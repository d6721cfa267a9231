"""Performs a score: the music of a synthetic film."""

# N samples

import math

import numpy as np

from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.score import Note, Score
from vmas_pipeline.sample_data.tones import frequency, tone

_LINEAR = 0.6
"""The limiter leaves samples below this level as they are."""

_RING_S = 1.0
"""Maximum length of a drum's stroke."""

_START_S, _END_S = 0.005, 0.03
"""The film's start and end fade this long, where notes are cut: a film begins in the middle of its pad."""


def perform(score: Score, *, samples: int, sample_rate: int) -> np.ndarray:
    """Synthesises the music; the same score gives the same samples.

    Args:
        score: the notes.
        samples: length in samples, N.
        sample_rate: in Hz.

    Returns:
        float32 [N] in [-1, 1].
    """
    music = np.zeros(samples, dtype=np.float32)
    for note in score.notes:
        first = round(_in_phase(note) * sample_rate)
        sound = _sound(note, sample_rate)[: max(0, samples - first)]
        music[first : first + len(sound)] += sound
    start, end = (min(samples, round(length_s * sample_rate)) for length_s in (_START_S, _END_S))
    music[:start] *= _falling(start)[::-1]
    music[samples - end :] *= _falling(end)
    return _limited(music)


def _in_phase(note: Note) -> float:
    """The note's start, moved by at most half a period so that a note struck again continues its wave, in seconds."""
    hz = frequency(note.pitch)
    return note.start_s if INSTRUMENTS[note.instrument].drum else round(note.start_s * hz) / hz


def _sound(note: Note, sample_rate: int) -> np.ndarray:
    """One note with its end; without its attack where it begins with the film: float32 [N']."""
    instrument = INSTRUMENTS[note.instrument]
    skipped_s = instrument.attack_s if note.start_s == 0 else 0.0
    end_s = skipped_s + (_RING_S if instrument.rings else note.duration_s + instrument.release_s)
    seconds = 2 ** max(0, math.ceil(math.log2(end_s)))  # few lengths: few notes to synthesise
    whole = tone(note.instrument, note.pitch, seconds, sample_rate)
    sound = whole[round(skipped_s * sample_rate) : round(end_s * sample_rate)] * np.float32(note.velocity)
    release = min(len(sound), round(instrument.release_s * sample_rate))
    sound[len(sound) - release :] *= _falling(release)
    return sound


def _falling(samples: int) -> np.ndarray:
    """From 1 to 0 without a corner: float32 [samples]."""
    return (0.5 + 0.5 * np.cos(np.pi * np.arange(1, samples + 1) / max(1, samples))).astype(np.float32)


def _limited(music: np.ndarray) -> np.ndarray:
    """Bends loud samples below 1, and leaves the others."""
    loudness = np.abs(music)
    bent = _LINEAR + (1 - _LINEAR) * np.tanh((loudness - _LINEAR) / (1 - _LINEAR))
    return np.where(loudness > _LINEAR, np.sign(music) * bent, music).astype(np.float32)
