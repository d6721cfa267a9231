"""Synthesises the music of a synthetic music video: a soft pad, and a note of the genre at every event."""

import numpy as np

from vmas_pipeline.sample_data.genres import Genre

_ATTACK_S = 0.004
_PAD_LEVEL = 0.04
_NOTE_LEVEL = 0.4


def play(
    genre: Genre,
    notes_s: np.ndarray,
    heights: np.ndarray,
    *,
    samples: int,
    sample_rate: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Synthesises the track.

    Args:
        genre: sets timbre, scale, figure and decay.
        notes_s: times of the events, ascending, [E].
        heights: note of the scale for each event, from 0, the lowest, to 1, the highest, [E].
        samples: length in samples.
        sample_rate: in Hz.
        random: source of the key, the loudness and the noise of attacks.

    Returns:
        float32 [samples] in [-1, 1].
    """
    root = genre.root_hz * 2.0 ** (int(random.choice([0, 2, 5])) / 12)
    waveform = _pad(genre, root, samples, sample_rate)
    for start_s, height in zip(notes_s, heights, strict=True):
        degree = genre.scale[min(int(height * len(genre.scale)), len(genre.scale) - 1)]
        level = _NOTE_LEVEL * random.uniform(0.8, 1.0) / len(genre.strokes_s)
        for stroke_s in genre.strokes_s:
            note = level * _note(genre, root * 2.0 ** (degree / 12), sample_rate, random)
            first = round((start_s + stroke_s) * sample_rate)
            waveform[first : first + len(note)] += note[: max(0, samples - first)]
    return np.tanh(waveform).astype(np.float32)


def _pad(genre: Genre, root_hz: float, samples: int, sample_rate: int) -> np.ndarray:
    """Sustained root and fifth below the notes: quiet enough that no onset is detected in it."""
    time = np.arange(samples, dtype=np.float32) / np.float32(sample_rate)
    breath = 1.0 - 0.3 * np.cos(2 * np.pi * genre.pulse_hz * time)
    tone = np.sin(2 * np.pi * root_hz / 2 * time) + 0.6 * np.sin(2 * np.pi * root_hz * 0.75 * time)
    return _PAD_LEVEL * breath * tone


def _note(genre: Genre, frequency_hz: float, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """One stroke: partials under a sharp attack and an exponential decay, peak about 1."""
    time = np.arange(int(5 * genre.decay_s * sample_rate), dtype=np.float32) / np.float32(sample_rate)
    envelope = np.minimum(time / _ATTACK_S, 1.0) * np.exp(-time / genre.decay_s)
    tone = np.zeros_like(time)
    for partial, amplitude in zip(genre.partials, genre.harmonics, strict=True):
        if partial * frequency_hz < 0.45 * sample_rate:
            tone += amplitude * np.sin(2 * np.pi * partial * frequency_hz * time)
    tone /= sum(genre.harmonics)
    burst = genre.noise * random.standard_normal(len(time), dtype=np.float32) * np.exp(-time / 0.02)
    return envelope * (tone + 0.3 * burst)
