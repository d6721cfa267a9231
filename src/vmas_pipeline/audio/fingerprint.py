"""An audio fingerprint that survives another codec, container, volume and start (Haitsma and Kalker, ISMIR 2002)."""

# N samples, T frames of the spectrum, B bands, P sub-fingerprints, M recordings

from collections.abc import Sequence

import numpy as np

SAMPLE_RATE = 5_512
"""In Hz: the bands end at 2 kHz."""

HOP_S = 256 / SAMPLE_RATE
"""Time between sub-fingerprints: 46 ms."""

LENGTH_S = 120.0
"""As much of a video's beginning is fingerprinted: 2600 sub-fingerprints, 10 kB."""

SAME = 0.305
"""Bit error rate below which two recordings are one: up to 0.30 in another codec at 64 kbit/s, at least 0.31 between
different synthetic videos (docs/experiments.md); Haitsma and Kalker take 0.35."""

LEAST_S = 4.0
"""Audible overlap over which that is judged."""

_WINDOW = 2048  # 0.37 s
_HOP = 256
_BANDS = 33  # one more than bits
_LOWEST_HZ, _HIGHEST_HZ = 300.0, 2000.0
_SILENCE = 1e-7
"""Mean power of a window below which there is nothing to recognise."""


def audio_fingerprint(waveform: np.ndarray) -> np.ndarray:
    """Gives 32 bits for each hop: the signs of how energy differences of neighbouring bands change from hop to hop.

    Args:
        waveform: float [N] at `SAMPLE_RATE`.

    Returns:
        uint32 [P] between silent ends, 0 where it is silent; empty for less than 0.42 s.
    """
    if len(waveform) < _WINDOW + _HOP:
        return np.zeros(0, np.uint32)
    windows = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)[::_HOP]  # [T, N']
    loud = np.square(windows).mean(axis=1) > _SILENCE  # [T]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1) * _WINDOW / SAMPLE_RATE
    energy = np.add.reduceat(spectrum, np.round(edges).astype(int), axis=1)[:, :_BANDS]  # [T, B]
    change = np.diff(np.diff(energy, axis=1), axis=0)  # [P, 32]
    bits = np.packbits(change > 0, axis=1).view(">u4")[:, 0].astype(np.uint32)
    return np.trim_zeros(np.where(loud[1:] & loud[:-1], bits, np.uint32(0)))


def bit_error_rate(first: np.ndarray, second: np.ndarray) -> float:
    """Share of bits in which two uint32 [P] differ, silence apart: 0 for equal audio, about 0.5 for unrelated.

    Returns:
        0 to 1; 1 where all is silent.
    """
    heard = (first != 0) & (second != 0)
    if not heard.any():
        return 1.0
    return float(np.unpackbits((first ^ second)[heard].view(np.uint8)).mean())


def lowest_errors(wanted: np.ndarray, recordings: Sequence[np.ndarray], least: int) -> np.ndarray:
    """Bit error rate to each of M recordings at the alignment where it is lowest.

    Args:
        wanted: uint32 [P].
        recordings: M arrays uint32 of any lengths.
        least: audible sub-fingerprints that must overlap.

    Returns:
        float [M] in [0, 1]; 1 where no alignment has so much overlap.
    """
    longest = max((len(each) for each in recordings), default=0)
    table = np.zeros((len(recordings), longest), np.uint32)  # silence behind the ends
    for row, each in zip(table, recordings):
        row[: len(each)] = each
    lowest = np.ones(len(recordings))
    for offset in range(least - len(wanted), longest - least + 1):  # of the recording, where `wanted` begins
        theirs, ours = table[:, max(0, offset) :], wanted[max(0, -offset) :]
        length = min(theirs.shape[1], len(ours))
        theirs, ours = theirs[:, :length], ours[:length]
        heard = (theirs != 0) & (ours != 0)
        count = heard.sum(axis=1)
        wrong = np.where(heard, np.bitwise_count(theirs ^ ours), 0).sum(axis=1, dtype=np.int64)
        lowest = np.where(count >= least, np.minimum(lowest, wrong / np.maximum(32 * count, 1)), lowest)
    return lowest
