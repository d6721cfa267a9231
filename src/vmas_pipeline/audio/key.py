"""The key of music, from its chroma vectors."""

# F frames

from dataclasses import dataclass
from typing import Literal

import numpy as np

PROFILES = {
    "major": (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
    "minor": (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0),
}
"""How well each pitch class fits a key, from its tonic upwards (Temperley 1999, "What's Key for Key?", p. 74)."""

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True, kw_only=True)
class Key:
    """One of the 24 keys."""

    tonic: int
    """Pitch class, 0 for C."""
    mode: Literal["major", "minor"]

    def __str__(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"


KEYS = tuple(Key(tonic=tonic, mode=mode) for mode in ("major", "minor") for tonic in range(12))


def estimate_key(harmony: np.ndarray) -> Key | None:
    """The key whose profile correlates best with the music's pitch classes.

    Args:
        harmony: chroma vectors, float [F, 12]; their square roots are averaged, so that loud notes do not decide alone.

    Returns:
        A key; None if no pitch class stands out, as in silence.
    """
    classes = np.sqrt(np.asarray(harmony, np.float64)).mean(axis=0) if len(harmony) else np.zeros(12)
    spread = classes - classes.mean()
    if np.linalg.norm(spread) < 1e-9:
        return None
    return KEYS[int((_profiles() @ spread).argmax())]


def _profiles() -> np.ndarray:
    """Centred and of length one, [24, 12], in the order of `KEYS`."""
    rows = np.array([np.roll(PROFILES[key.mode], key.tonic) for key in KEYS])
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
