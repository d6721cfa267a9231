"""Something that a speech detector takes for speech: syllables of gliding vowels and noisy consonants."""

# N samples

import numpy as np

FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Of a, i, u, e, o: the three lowest resonances of a man's voice (Peterson and Barney 1952)."""

BLOCK = 160


def talk(seconds: float, sample_rate: int = 16_000, pitch_hz: float = 120.0) -> np.ndarray:
    """Pulses through three resonators that glide from one vowel to the next: float32 [N], peak 0.3."""
    draw, said, samples = np.random.default_rng(0), [np.zeros(0)], round(seconds * sample_rate)
    while sum(map(len, said)) < samples:
        consonant = draw.normal(size=round(sample_rate * draw.uniform(0.04, 0.09)))
        said += [0.02 * np.diff(consonant) * np.hanning(len(consonant) - 1), _syllable(draw, sample_rate, pitch_hz)]
    return (0.3 * np.concatenate(said)[:samples]).astype(np.float32)


def _syllable(draw: np.random.Generator, sample_rate: int, pitch_hz: float) -> np.ndarray:
    from scipy.signal import lfilter

    length = round(sample_rate * draw.uniform(0.12, 0.22))
    pitch = pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * 1.3 * np.arange(length) / sample_rate))
    pulses = np.diff(np.floor(np.cumsum(pitch) / sample_rate), prepend=0)
    source = lfilter([1], [1, -0.97], pulses) + 0.01 * draw.normal(size=length)
    begin, end = (np.array(FORMANTS_HZ[index]) for index in draw.integers(len(FORMANTS_HZ), size=2))
    voice, states = np.zeros(length), [np.zeros(2) for _ in begin]
    for first in range(0, length, BLOCK):
        block = source[first : first + BLOCK]
        for number, hertz in enumerate(begin + (end - begin) * first / length):
            radius = np.exp(-np.pi * (60 + 40 * number) / sample_rate)
            poles = [1, -2 * radius * np.cos(2 * np.pi * hertz / sample_rate), radius**2]
            block, states[number] = lfilter([sum(poles)], poles, block, zi=states[number])
        voice[first : first + BLOCK] = block
    return voice / np.abs(voice).max() * np.sqrt(np.hanning(length))
