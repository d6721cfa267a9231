"""A synthetic singing voice that a music tagger detects as vocals, for tracks that curation must reject."""

# N samples, H harmonics

import numpy as np

VOWELS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "a": ((800, 1.0, 90), (1150, 0.50, 100), (2900, 0.16, 140), (3900, 0.10, 160)),
    "e": ((400, 1.0, 70), (1600, 0.25, 100), (2700, 0.20, 140), (3300, 0.14, 160)),
    "i": ((350, 1.0, 60), (1700, 0.16, 100), (2700, 0.20, 140), (3700, 0.10, 160)),
    "o": ((450, 1.0, 70), (800, 0.40, 90), (2830, 0.12, 140), (3800, 0.10, 160)),
    "u": ((325, 1.0, 60), (700, 0.20, 80), (2530, 0.10, 140), (3500, 0.05, 160)),
}
"""Formants of an alto voice: frequency in Hz, amplitude, bandwidth in Hz (the tables of the Csound manual, rounded)."""

_VIBRATO_HZ, _VIBRATO_SEMITONES = 5.5, 0.45
_SYLLABLE_S = (0.3, 0.7)
_MELODY = (0, 2, 4, 5, 7, 9, 12)
_TOP_HZ = 5_000.0


def sing(duration_s: float, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Sings vowels on a wandering melody, with vibrato, glides, breath between phrases and noise consonants.

    The synthesis is additive: harmonics of a gliding pitch under the formants' envelope (a source that falls with
    frequency, filtered by the vocal tract).

    Args:
        duration_s: length in seconds.
        sample_rate: in Hz.
        random: source of the melody, the vowels and the breath.

    Returns:
        float32 [N], peak about 0.6.
    """
    samples = round(duration_s * sample_rate)
    waveform = np.zeros(samples)
    degree, start_s = 3, 0.1
    while start_s < duration_s - 0.3:
        degree = int(np.clip(degree + random.integers(-2, 3), 0, len(_MELODY) - 1))
        length_s = min(random.uniform(*_SYLLABLE_S), duration_s - start_s)
        pitch_hz = 261.63 * 2 ** (_MELODY[degree] / 12)
        syllable = _syllable(pitch_hz, length_s, sample_rate, random)
        first = round(start_s * sample_rate)
        waveform[first : first + len(syllable)] += syllable[: samples - first]
        start_s += length_s + (random.uniform(0.15, 0.4) if random.random() < 0.2 else 0.02)
    return (0.6 * waveform / max(1e-9, np.abs(waveform).max())).astype(np.float32)


def _syllable(pitch_hz: float, length_s: float, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """A noise consonant, then one vowel turning into another on one note: float64 [N]."""
    time = np.arange(round(length_s * sample_rate)) / sample_rate
    vibrato = np.minimum(time / 0.25, 1.0) * np.sin(2 * np.pi * _VIBRATO_HZ * time + random.uniform(0, 6))
    glide = -1.5 * np.exp(-time / 0.04)  # the pitch slides up to its note
    pitch = pitch_hz * 2 ** ((glide + _VIBRATO_SEMITONES * vibrato) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    first, second = random.choice(list(VOWELS), 2)
    blend = time / length_s
    voiced = np.zeros_like(time)
    for harmonic in range(1, int(_TOP_HZ / pitch_hz) + 1):
        frequency = harmonic * pitch
        level = (1 - blend) * _envelope(frequency, first) + blend * _envelope(frequency, second)
        voiced += level / harmonic**0.5 * np.sin(harmonic * phase)
    loudness = np.minimum(time / 0.05, 1.0) * np.minimum((length_s - time) / 0.06, 1.0)
    consonant = 0.25 * random.standard_normal(len(time)) * np.exp(-(((time - 0.025) / 0.012) ** 2))
    breath = 0.01 * random.standard_normal(len(time))
    return loudness * (voiced + breath) + consonant


def _envelope(frequency: np.ndarray, vowel: str) -> np.ndarray:
    """Gain of the vocal tract at each frequency: one resonance per formant."""
    gain = np.full_like(frequency, 0.01)
    for centre, amplitude, width in VOWELS[vowel]:
        gain += amplitude / (1.0 + ((frequency - centre) / width) ** 2)
    return gain
