"""Onsets of a waveform: the music beats of paper section 4.4."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
from filelock import FileLock

from vmas_pipeline.numba_cache import cache_lock

HOP_S = 0.008

CLICK = np.eye(1, 8192, 4096, dtype=np.float32)[0]
"""For kernels to be compiled with."""


def onset_times(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Times at which notes start, from librosa's spectral flux; deterministic.

    Args:
        waveform: float [N], mono.
        sample_rate: samples per second; the analysis hop is 8 ms at any rate.

    Returns:
        float32 [n], seconds, ascending; empty for silence.
    """
    hop = max(1, round(sample_rate * HOP_S))
    if waveform.size < hop or not np.any(waveform):
        return np.zeros(0, np.float32)
    times = load_librosa().onset.onset_detect(
        y=np.asarray(waveform, np.float32), sr=sample_rate, hop_length=hop, units="time", backtrack=False
    )
    return np.asarray(times, np.float32)


@cache
def load_librosa() -> ModuleType:
    """Import librosa and compile its kernels, one process at a time.

    On first use numba compiles them into a cache next to librosa.
    """
    with compiling():
        import librosa

        librosa.onset.onset_detect(y=CLICK)
    return librosa


def compiling() -> FileLock:
    """What one process holds while numba compiles librosa's kernels."""
    package = find_spec("librosa")
    assert package and package.submodule_search_locations
    return cache_lock(Path(package.submodule_search_locations[0]))


def match_times(first: np.ndarray, second: np.ndarray, within_s: float) -> list[tuple[int, int]]:
    """The largest one-to-one matching of two lists of times at most `within_s` apart.

    In one dimension, greedily pairing the earliest two that are close enough gives the maximum number of pairs.

    Args:
        first: seconds, any order, [n].
        second: seconds, any order, [m].
        within_s: seconds.

    Returns:
        Pairs of an index into `first` and one into `second`, sorted by time.
    """
    first, second = np.asarray(first, np.float64).ravel(), np.asarray(second, np.float64).ravel()
    first_order, second_order = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(first) and j < len(second):
        apart = first[first_order[i]] - second[second_order[j]]
        if abs(apart) <= within_s:
            pairs.append((int(first_order[i]), int(second_order[j])))
        i += apart <= within_s
        j += apart >= -within_s
    return pairs
