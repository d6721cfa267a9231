"""Pitch: the strongest partial of each moment, whether it is in tune and in one key, and whether two sounds agree."""

# N samples, F frames, L loud frames, S bins of the spectrum, n notes

from dataclasses import dataclass
from functools import cache

import numpy as np

WINDOW_S, HOP_S = 0.256, 0.064
"""Of the Hann-windowed frames: 4096 and 1024 samples at 16 kHz."""

LOWEST_HZ = 45.0
QUIET_DB = 20.0
"""A frame is loud if it is at most this far below the loudest."""

CENTS = 25.0
"""The largest error of a pitch that counts as right: half of all pitches are that near to a note of the scale."""

CHROMA_HIGHEST_HZ, CHROMA_WIDTH = 4000.0, 0.25
"""Of the chroma vectors: the highest partial, and the deviation in semitones of a pitch class's Gaussian."""

DIATONIC = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the major scale above its tonic; natural minor has the same notes, a minor third below."""

_LEAST = 1e-9  # added to magnitudes before their logarithm
_DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Whether a piece of music is in tune and in one key."""

    in_tune: float
    """See `in_tune`; chance is 0.5."""
    in_key: float
    """See `in_key`."""
    in_key_chance: float
    """The same for as many notes drawn at random."""


def tuning(waveform: np.ndarray, sample_rate: int) -> Tuning:
    """All of it for a waveform float [N]."""
    partials = strongest_partials(waveform, sample_rate)
    notes = _strong_notes(*partials, sample_rate)
    return Tuning(in_tune=_in_tune(partials[1]), in_key=key_fit(notes), in_key_chance=in_key_chance(len(notes)))


def strongest_partials(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The frequency of the strongest partial in each loud frame.

    The maximum of the magnitude spectrum, refined by a parabola through the logarithms of three bins: exact to about a
    cent for a steady partial.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second; the window is 0.256 s at any rate.

    Returns:
        Seconds of the frames' centres and hertz, float64 [L] each; empty for silence.
    """
    spectra = _spectra(waveform, sample_rate)
    loud = np.flatnonzero(_is_loud(spectra))
    return loud * _hop(sample_rate) / sample_rate, _strongest_hz(spectra[loud], sample_rate)


def pitch_agreement(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """How well a copy keeps the pitch: the share of loud frames whose strongest partials lie within 25 cents.

    Args:
        reference: float [N]; its loud frames count.
        estimate: float [N], aligned with the reference; the longer of the two is cut.
        sample_rate: of both.

    Returns:
        A share in [0, 1]; 0 for a silent reference.
    """
    ours, theirs = _both_spectra(reference, estimate, sample_rate)
    sounds = theirs.max(axis=1, initial=0) > 0
    cents = 1200 * np.log2(_strongest_hz(ours, sample_rate) / _strongest_hz(theirs, sample_rate))
    return _share((np.abs(cents) <= CENTS) & sounds)


def chroma_correlation(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """How well a copy keeps the harmony: the correlation of both chroma vectors, mean over the reference's loud frames.

    A chroma vector sums the magnitudes from 45 Hz to 4 kHz by pitch class.

    Args:
        reference, estimate, sample_rate: as for `pitch_agreement`.

    Returns:
        A correlation in [-1, 1]; a frame of silence, or of equal strength in all pitch classes, counts as 0.
    """
    spectra = _both_spectra(reference, estimate, sample_rate)
    ours, theirs = (_centred(_chroma(each, sample_rate)) for each in spectra)  # [L, 12]
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products = (ours * theirs).sum(axis=1)
    correlations = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return float(correlations.mean()) if len(correlations) else 0.0


def chroma(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The magnitudes from 45 Hz to 4 kHz by pitch class, C first.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second.

    Returns:
        float64 [F, 12]; frame i is centred at i times `HOP_S`.
    """
    return _chroma(_spectra(waveform, sample_rate), sample_rate)


def in_tune(waveform: np.ndarray, sample_rate: int) -> float:
    """The share of loud frames whose strongest partial lies within 25 cents of a note of the twelve-tone scale (A440).

    Chance is 0.5, the share of all pitches that lie so near. Frames without a pitch, such as drums alone, count too, so
    true music stays below 1.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second.

    Returns:
        A share in [0, 1]; 0 for silence, which is never in tune.
    """
    return _in_tune(strongest_partials(waveform, sample_rate)[1])


def in_key(waveform: np.ndarray, sample_rate: int) -> float:
    """The share of `strong_notes` that belong to the major or natural minor key that fits them best.

    A major key and its relative minor have the same notes, so the 24 keys are 12 sets. The best fit is chosen for each
    waveform, so a few random notes reach a high share: compare with `in_key_chance` of their number.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second.

    Returns:
        A share in [0, 1]; 0 for silence.
    """
    return key_fit(strong_notes(waveform, sample_rate))


def key_fit(notes: np.ndarray) -> float:
    """The share of notes, MIDI numbers [n], in the best of the 12 diatonic sets; 0 for none.

    >>> key_fit(np.array([60, 62, 64, 65, 67, 69, 71, 66]))  # C major and an F sharp
    0.875
    """
    counts = np.bincount(np.asarray(notes, int) % 12, minlength=12)
    return float((counts @ _keys()).max() / counts.sum()) if counts.sum() else 0.0


@cache
def in_key_chance(notes: int) -> float:
    """The mean of `key_fit` for so many notes drawn at random from all 12 pitch classes.

    1 for one note or two (any two notes share a key), 0.83 for eight, and towards 7/12 for many; by drawing 20,000
    times, with an error of about 0.001.
    """
    if notes < 1:
        return 0.0
    counts = np.random.default_rng(0).multinomial(notes, np.full(12, 1 / 12), size=_DRAWS)
    return float((counts @ _keys()).max(axis=1).mean() / notes)


def strong_notes(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The notes that stand out: runs of loud frames with one nearest note of the scale, at least two frames long.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second.

    Returns:
        int64 [n], MIDI numbers (A4 is 69), in order; the strongest partial need not be the fundamental.
    """
    return _strong_notes(*strongest_partials(waveform, sample_rate), sample_rate)


def _in_tune(hz: np.ndarray) -> float:
    notes = _midi(hz)
    return _share(np.abs(notes - np.round(notes)) <= CENTS / 100)


def _strong_notes(times: np.ndarray, hz: np.ndarray, sample_rate: int) -> np.ndarray:
    if not len(hz):
        return np.zeros(0, np.int64)
    notes = np.round(_midi(hz)).astype(np.int64)
    apart = np.diff(times) > 1.5 * _hop(sample_rate) / sample_rate
    first = np.flatnonzero(np.concatenate([[True], (np.diff(notes) != 0) | apart]))
    lengths = np.diff(np.append(first, len(notes)))
    return notes[first[lengths >= 2]]


def _hop(sample_rate: int) -> int:
    return round(HOP_S * sample_rate)


def _spectra(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Magnitudes [F, S] of frames whose centres are 0, 1, 2, ... hops from the start."""
    size = round(WINDOW_S * sample_rate)
    padded = np.pad(np.asarray(waveform, np.float32), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: _hop(sample_rate)]  # [F, size]
    window = np.hanning(size + 1)[:-1]
    return np.abs(np.fft.rfft(frames * window))


def _both_spectra(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra [L, S] of both in the loud frames of the reference."""
    length = min(len(reference), len(estimate))
    ours, theirs = (_spectra(waveform[:length], sample_rate) for waveform in (reference, estimate))
    loud = _is_loud(ours)
    return ours[loud], theirs[loud]


def _is_loud(spectra: np.ndarray) -> np.ndarray:
    """Boolean [F]: at most `QUIET_DB` below the loudest frame; nowhere in silence."""
    power = np.square(spectra).sum(axis=1)
    return (power > 0) & (power >= power.max(initial=0) * 10 ** (-QUIET_DB / 10))


def _strongest_hz(spectra: np.ndarray, sample_rate: int) -> np.ndarray:
    """Hertz [L] of the strongest partial of each spectrum [L, S]."""
    lowest = int(np.ceil(LOWEST_HZ * WINDOW_S))
    peak = spectra[:, lowest:-1].argmax(axis=1) + lowest  # the last bin has no upper neighbour
    rows = np.arange(len(spectra))
    below, at, above = (np.log(spectra[rows, peak + step] + _LEAST) for step in (-1, 0, 1))
    bend = below - 2 * at + above  # not positive at a maximum
    offset = np.divide(0.5 * (below - above), bend, out=np.zeros_like(bend), where=bend < 0)
    return (peak + offset.clip(-0.5, 0.5)) / WINDOW_S


def _midi(hz: np.ndarray) -> np.ndarray:
    """Fractional MIDI numbers: semitones, 69 at 440 Hz."""
    return 69 + 12 * np.log2(hz / 440)


@cache
def _keys() -> np.ndarray:
    """0 or 1 [12, 12]: whether a pitch class (row) belongs to the major key of a tonic (column)."""
    return np.stack([np.isin(np.arange(12), (np.array(DIATONIC) + tonic) % 12) for tonic in range(12)], 1).astype(int)


@cache
def _pitch_classes(bins: int, sample_rate: int) -> np.ndarray:
    """Weights [S, 12] of the bins in each pitch class."""
    hz = np.arange(bins) / WINDOW_S
    used = (hz >= LOWEST_HZ) & (hz < CHROMA_HIGHEST_HZ)
    distance = (_midi(hz.clip(LOWEST_HZ))[:, None] - np.arange(12) + 6) % 12 - 6  # semitones, [S, 12]
    return np.exp(-0.5 * np.square(distance / CHROMA_WIDTH)) * used[:, None]


def _chroma(spectra: np.ndarray, sample_rate: int) -> np.ndarray:
    """Spectra [F, S] -> [F, 12]."""
    return spectra @ _pitch_classes(spectra.shape[1], sample_rate)


def _centred(rows: np.ndarray) -> np.ndarray:
    return rows - rows.mean(axis=1, keepdims=True)


def _share(right: np.ndarray) -> float:
    return float(right.mean()) if right.size else 0.0
