"""Groups the sources that are one video in several files, or several videos of one recording: they share a split."""

# M matches of sub-fingerprints

from collections.abc import Mapping, Sequence

import numpy as np

from vmas_pipeline.audio.fingerprint import HOP_S, LEAST_S, SAME, bit_error_rate

_OVERLAP = 0.9
"""Share of the shorter recording that lies in the longer one: pieces of different music resemble each other more."""

_COMMON = 64
"""Sub-fingerprints that occur more often than this tell nothing: sustained tones give the same one over and over."""

_OFFSETS = 4
"""Alignments that are tried for a pair of recordings, those with the most matches first."""


def group_sources(keys: Mapping[str, str], fingerprints: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Joins sources of equal keys, and those whose audio fingerprints match at some alignment.

    Args:
        keys: hexadecimal key of each source: of its address where that is known, else its id.
        fingerprints: uint32 [P] of sources, see `fingerprint.audio_fingerprint`; some may be missing.

    Returns:
        For each source the name of its group: the least of the group's keys.
    """
    group = {key: key for key in keys.values()}

    def first_of(key: str) -> str:
        while group[key] != key:
            group[key] = key = group[group[key]]
        return key

    for one, other in matching_recordings(fingerprints):
        low, high = sorted((first_of(keys[one]), first_of(keys[other])))
        group[high] = low
    return {source: first_of(key) for source, key in keys.items()}


def matching_recordings(fingerprints: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """Pairs of sources of which one's audio is, at some offset, the other's; looked up by equal sub-fingerprints."""
    names = sorted(name for name, each in fingerprints.items() if len(each))
    prints = [fingerprints[name] for name in names]
    tried: dict[tuple[int, int], list[int]] = {}
    for first, second, offset in _aligned(prints):
        tried.setdefault((first, second), []).append(offset)
    return [
        (names[first], names[second])
        for (first, second), offsets in tried.items()
        if any(_same(prints[first], prints[second], offset) for offset in offsets[:_OFFSETS])
    ]


def _aligned(prints: Sequence[np.ndarray]) -> list[tuple[int, int, int]]:
    """Numbers of two recordings and the place of the second's start in the first, by falling number of matches."""
    if not prints:
        return []
    values = np.concatenate(prints)
    owner = np.repeat(np.arange(len(prints)), [len(each) for each in prints])
    place = np.concatenate([np.arange(len(each)) for each in prints])
    order = np.argsort(values, kind="stable")[np.count_nonzero(values == 0) :]  # silence comes first
    values, owner, place = values[order], owner[order], place[order]
    runs = np.unique(values, return_counts=True)[1]
    rare = np.repeat(runs <= _COMMON, runs)
    values, owner, place = values[rare], owner[rare], place[rare]
    found = []
    for step in range(1, _COMMON):  # all pairs of equal values lie at most this far apart
        equal = np.flatnonzero((values[step:] == values[:-step]) & (owner[step:] > owner[:-step]))
        found.append(np.stack([owner[equal], owner[equal + step], place[equal] - place[equal + step]], axis=1))
    alignments, matches = np.unique(np.concatenate(found), axis=0, return_counts=True)
    first, second, offset = alignments.T
    lengths = np.array([len(each) for each in prints])
    overlap = np.minimum(lengths[first], offset + lengths[second]) - np.maximum(0, offset)
    enough = overlap >= _OVERLAP * np.minimum(lengths[first], lengths[second])
    order = np.argsort(-matches[enough], kind="stable")
    return [(one, other, place) for one, other, place in alignments[enough][order].tolist()]


def _same(first: np.ndarray, second: np.ndarray, offset: int) -> bool:
    """Whether two recordings agree where they overlap; at `offset` of the first the second begins."""
    first, second = first[max(0, offset) :], second[max(0, -offset) :]
    length = min(len(first), len(second))
    heard = np.count_nonzero((first[:length] != 0) & (second[:length] != 0))
    return bool(heard * HOP_S >= LEAST_S) and bit_error_rate(first[:length], second[:length]) < SAME
