"""How music longer than the model's clip is made: in windows, each of which continues the one before."""

from collections.abc import Iterator

import numpy as np

OVERLAP = 0.5
"""Fraction of a window that overlaps music already generated: long inputs are processed window by window."""

TAIL_S = 0.2
"""Seconds at the end of a window that the next one makes: the clips of training end there, and their last tokens fade,
since the codec's analysis reaches beyond them."""


def gaps(missing: np.ndarray) -> list[tuple[int, int]]:
    """The runs of True: (first, end) of each.

    >>> gaps(np.array([1, 1, 0, 0, 1, 0], bool))
    [(0, 2), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(missing.astype(int), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2]))


def windows(
    tokens: int, window: int, overlap: float, gap: tuple[int, int] | None = None, tail: int = 0
) -> Iterator[tuple[int, int, int]]:
    """Split a length, or a gap in it, into overlapping windows: (start, first new token, end) of each.

    Every window except that of a short input is full length: the last is moved back rather than run past the end. Where
    a gap ends, so does its last window.
    Twelve seconds at 50 tokens a second, with five-second windows that overlap by half:

    >>> list(windows(600, 250, 0.5))
    [(0, 0, 250), (125, 250, 375), (250, 375, 500), (350, 500, 600)]

    Args:
        tokens: of the whole length.
        window: tokens of a window.
        overlap: share of a window that continues what is there, at least.
        gap: (first, end) to fill; None fills the whole length.
        tail: last tokens of each window but the last that are left to the next.
    """
    done, last = gap or (0, tokens)
    while done < last:
        start = max(0, min(done - round(window * overlap), tokens - window))
        end = last if start + window >= last else start + window - tail
        yield start, done, end
        done = end


def window_seed(seed: int, index: int) -> int:
    """A distinct seed for each window, so that no two draw the same noise."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])
