"""How loud a waveform is, and how much of it is clipped or silent."""

# C channels, N samples

import warnings
from dataclasses import dataclass

import numpy as np

FLOOR_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: what is quieter is silence, and gets this value."""

BLOCK_S = 0.4
"""The gating block; a shorter waveform is repeated to fill one."""

FULL_SCALE = 1 - 2**-15
"""The largest sample of 16 bits."""

SILENT_DB, SILENT_BLOCK_S = -60.0, 0.05
"""A block with an RMS below this, in dB of full scale, is silent."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Of a piece of music."""

    lufs: float
    """Integrated loudness."""
    clipped: float
    """Share of the samples at full scale."""
    silent: float
    """Share of the time."""


def level(waveform: np.ndarray, sample_rate: int) -> Level:
    """All of it for a waveform float [N], mono."""
    return Level(lufs=loudness(waveform, sample_rate), clipped=clipped(waveform), silent=silent(waveform, sample_rate))


def loudness(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm), at least `FLOOR_LUFS`.

    Args:
        waveform: float [N], mono, of any length.
        sample_rate: samples per second.
    """
    return max(FLOOR_LUFS, integrated_loudness(waveform, sample_rate))


def integrated_loudness(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness in LUFS of a waveform [N] or [C, N] of any length; -inf for silence."""
    if not np.any(waveform):
        return -np.inf
    from pyloudnorm import Meter

    channels = np.atleast_2d(waveform)
    least = int(np.ceil(BLOCK_S * sample_rate))
    if channels.shape[1] < least:
        channels = np.tile(channels, -(-least // channels.shape[1]))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # no block above the gate
        return float(Meter(sample_rate, block_size=BLOCK_S).integrated_loudness(channels.T.astype(np.float64)))


def clipped(waveform: np.ndarray) -> float:
    """The share of the samples at full scale or beyond; 0 for none.

    >>> clipped(np.array([0.5, 1.0, -1.0, 0.0]))
    0.5
    """
    return float((np.abs(waveform) >= FULL_SCALE).mean()) if len(waveform) else 0.0


def silent(waveform: np.ndarray, sample_rate: int) -> float:
    """The share of blocks of 50 ms, the last one shorter, with an RMS below -60 dB of full scale; 1 for no samples."""
    size = round(sample_rate * SILENT_BLOCK_S)
    starts = np.arange(0, len(waveform), size)
    if not len(starts):
        return 1.0
    lengths = np.minimum(starts + size, len(waveform)) - starts
    power = np.add.reduceat(np.square(np.asarray(waveform, np.float64)), starts) / lengths
    return float(lengths[power < 10 ** (SILENT_DB / 10)].sum() / len(waveform))
