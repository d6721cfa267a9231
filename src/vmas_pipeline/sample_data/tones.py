"""Synthesises single notes of the instruments."""

# N samples

from functools import lru_cache

import numpy as np

from vmas_pipeline.sample_data.instruments import INSTRUMENTS, Instrument

_HIGHEST = 0.45
"""Partials above this multiple of the sample rate are left out."""

_NOISE_SEED = 7


def frequency(pitch: int) -> float:
    """Of a MIDI pitch, in Hz, in equal temperament."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


@lru_cache(maxsize=512)
def tone(name: str, pitch: int, seconds: int, sample_rate: int) -> np.ndarray:
    """One note of velocity 1 without its end; read-only.

    Args:
        name: one of `INSTRUMENTS`.
        pitch: MIDI pitch; without meaning for drums.
        seconds: length; notes that decay may be shorter.
        sample_rate: in Hz.

    Returns:
        float32 [N].
    """
    instrument = INSTRUMENTS[name]
    samples = round(min(seconds, _audible_s(instrument)) * sample_rate)
    time = np.arange(samples, dtype=np.float32) / np.float32(sample_rate)
    sound = _partials(instrument, pitch, time, sample_rate) + _strike(instrument, time, sample_rate)
    sound *= np.float32(instrument.level) * _smooth(time / np.float32(instrument.attack_s))
    sound.setflags(write=False)
    return sound


def _audible_s(instrument: Instrument) -> float:
    """When a note has fallen by 35 dB."""
    longest = max(instrument.decay_s if instrument.partials else 0.0, instrument.strike_s if instrument.strike else 0.0)
    return instrument.attack_s + 4.0 * longest


def _partials(instrument: Instrument, pitch: int, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """The sum of the partials, peak about 1: float32 [N]."""
    sound = np.zeros_like(time)
    for semitones, amplitude in instrument.partials:
        hz = frequency(pitch + semitones)
        if hz < _HIGHEST * sample_rate:
            decay_s = instrument.decay_s / (1.0 + instrument.damping * semitones / 12)
            wave = np.sin((2 * np.pi * hz * time.astype(np.float64)) % (2 * np.pi)).astype(np.float32)
            sound += np.float32(amplitude) * wave * np.exp(-time / np.float32(decay_s))
    return sound / np.float32(max(1.0, sum(amplitude for _, amplitude in instrument.partials)))


def _strike(instrument: Instrument, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """Noise in the instrument's band, always the same, peak about its level: float32 [N]."""
    if not instrument.strike:
        return np.zeros_like(time)
    noise = np.fft.rfft(np.random.default_rng(_NOISE_SEED).standard_normal(len(time)))
    frequencies = np.fft.rfftfreq(len(time), 1 / sample_rate)
    low, high = instrument.band_hz
    noise[(frequencies < low) | (frequencies > high)] = 0
    burst = np.fft.irfft(noise, len(time)).astype(np.float32) * np.exp(-time / np.float32(instrument.strike_s))
    return instrument.strike * burst / max(1e-9, np.abs(burst).max())


def _smooth(progress: np.ndarray) -> np.ndarray:
    """Rises from 0 to 1 without a corner: raised cosine of the progress, held at 1."""
    return (0.5 - 0.5 * np.cos(np.pi * np.minimum(progress, 1))).astype(np.float32)
