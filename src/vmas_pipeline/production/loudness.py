"""Loudness and true peak of a sound (EBU R128, ITU-R BS.1770-4), and the gain that sets them."""

# C channels, N samples

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.audio.level import integrated_loudness

_OVERSAMPLING = 4
_CHUNK = 1 << 18
_MARGIN = 64
"""Samples oversampled at once, and on each side of them, for the filter: memory does not grow with the length."""

_REACH_S = 0.02
"""The limiter's gain moves within this time before and after a peak."""

_CLOSE_LU = 0.05
_ROUNDS = 12
_LEAST_SLOPE = 0.15


@dataclass(frozen=True, kw_only=True)
class Level:
    """How a sound is brought to a loudness."""

    gain: np.ndarray  # float32 [N], by which each sample is multiplied
    lufs: float  # of the result
    true_peak_db: float  # of the result, dBTP
    limited_db: float  # the most that the limiter takes away; 0 where it has nothing to do


def true_peak_db(waveform: np.ndarray) -> float:
    """True peak of a waveform [C, N], in dB of full scale, by four-fold oversampling; -inf for silence."""
    return _db(float(_peaks(waveform).max(initial=0.0)))


def level(waveform: np.ndarray, sample_rate: int, lufs: float | None, true_peak_db: float) -> Level:
    """The gain that brings a sound to a loudness below a true peak: constant, with a limiter where that is not enough.

    Args:
        waveform: float [C, N].
        sample_rate: samples per second.
        lufs: the loudness; None keeps it, and lowers all where the true peak is too high.
        true_peak_db: dBTP.
    """
    peaks, ceiling = _peaks(waveform), 10 ** (true_peak_db / 20)
    now = integrated_loudness(waveform, sample_rate)
    highest = float(peaks.max(initial=0.0))
    if lufs is None or not np.isfinite(now):
        gain = min(1.0, ceiling / highest) if highest else 1.0
        return _result(waveform, sample_rate, np.full(len(peaks), gain, np.float32), 0.0)
    gain_db = step_db = lufs - now
    reached = now
    for _ in range(_ROUNDS):
        gain = 10 ** (gain_db / 20)
        limiter = _limiter(peaks * gain, ceiling, sample_rate)
        before, reached = reached, _after(waveform, sample_rate, gain, limiter, now + gain_db)
        if abs(lufs - reached) <= _CLOSE_LU:
            break
        slope = max(_LEAST_SLOPE, (reached - before) / step_db)  # the limiter takes back a part of each step
        step_db = (lufs - reached) / slope
        gain_db += step_db
    limited_db = -_db(float(limiter.min(initial=1)))
    return _result(waveform, sample_rate, (gain * limiter).astype(np.float32), limited_db, ceiling)


def _after(waveform: np.ndarray, sample_rate: int, gain: float, limiter: np.ndarray, expected: float) -> float:
    """Loudness after gain and limiter; as expected where the limiter has nothing to do."""
    if limiter.min(initial=1) == 1:
        return expected
    return integrated_loudness(waveform * (gain * limiter), sample_rate)


def _result(
    waveform: np.ndarray, sample_rate: int, gain: np.ndarray, limited_db: float, ceiling: float = np.inf
) -> Level:
    """A gain that moves leaves a hair more between the samples than was asked for: all is lowered by it."""
    left = float(_peaks(waveform * gain).max(initial=0.0))
    gain = gain * np.float32(min(1.0, ceiling / left)) if left else gain
    return Level(
        gain=gain,
        lufs=integrated_loudness(waveform * gain, sample_rate),
        true_peak_db=_db(min(left, ceiling)),
        limited_db=limited_db,
    )


def _limiter(peaks: np.ndarray, ceiling: float, sample_rate: int) -> np.ndarray:
    """A smooth gain, float [N], that is nowhere above what each peak allows.

    The least gain within reach, averaged over the same reach: each average holds only gains that its middle allows.
    """
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    width = 2 * round(_REACH_S * sample_rate) + 1
    allowed = np.minimum(1.0, ceiling / np.maximum(peaks, ceiling))
    return uniform_filter1d(minimum_filter1d(allowed, width, mode="nearest"), width, mode="nearest")


def _peaks(waveform: np.ndarray) -> np.ndarray:
    """The largest magnitude of any channel at each sample and up to the next, float32 [N]."""
    from scipy.signal import resample_poly

    padded = np.pad(waveform, ((0, 0), (_MARGIN, _MARGIN)))
    found = []
    for first in range(0, waveform.shape[1], _CHUNK):
        part = padded[:, first : first + _CHUNK + 2 * _MARGIN]
        fine = np.abs(resample_poly(part, _OVERSAMPLING, 1, axis=1)).max(axis=0)  # [4 * (chunk + margins)]
        found.append(fine.reshape(-1, _OVERSAMPLING).max(axis=1)[_MARGIN:-_MARGIN])
    return np.concatenate(found).astype(np.float32) if found else np.zeros(0, np.float32)


def _db(ratio: float) -> float:
    return 20 * float(np.log10(ratio)) if ratio > 0 else -np.inf
