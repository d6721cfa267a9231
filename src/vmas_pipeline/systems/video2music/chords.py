"""Chords: their numbers as in Video2Music, and how they are estimated from a recording, once a second.

Its labels, too, are transcribed from recordings; here a second has the chord whose notes are most like its chroma.
"""

# N samples, S seconds

from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np

QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "dim": (0, 3, 6),
    "sus4": (0, 5, 7),
    "min7": (0, 3, 7, 10),
    "min": (0, 3, 7),
    "sus2": (0, 2, 7),
    "aug": (0, 4, 8),
    "dim7": (0, 3, 6, 9),
    "maj6": (0, 4, 7, 9),
    "hdim7": (0, 3, 6, 10),
    "7": (0, 4, 7, 10),
    "min6": (0, 3, 7, 9),
    "maj7": (0, 4, 7, 11),
}
"""Semitones above the root, in the order of the chords' numbers."""

NONE = 0
CHORDS = 1 + 12 * len(QUALITIES)
"""None, then each root from C with each quality."""

END, PAD, TOKENS = CHORDS, CHORDS + 1, CHORDS + 2
"""Tokens after the chords', and the number of all."""

QUIET = 0.05
"""A second whose RMS is below this share of the loudest second's has no chord."""

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each note above the tonic fits a key (Krumhansl and Kessler 1982)."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A tonic and a mode."""

    tonic: int
    """Pitch class, 0 for C."""
    minor: bool

    @property
    def shift(self) -> int:
        """Semitones from C major or A minor to it, -7 to 4."""
        return (self.tonic - (9 if self.minor else 0) + 7) % 12 - 7


@dataclass(frozen=True, kw_only=True, eq=False)
class Transcription:
    """Chords, key and dynamics of a clip."""

    chords: np.ndarray  # int64 [S], as if the key were C major or A minor
    key: Key
    loudness: np.ndarray  # float32 [S], RMS of each second
    density: np.ndarray  # float32 [S], onsets in each second


def number_of(root: int, quality: str) -> int:
    """The number of a chord on a pitch class."""
    return 1 + root % 12 * len(QUALITIES) + list(QUALITIES).index(quality)


def tones_of(chord: int) -> tuple[int, ...]:
    """Semitones above C of a chord's notes, root first; none for `NONE`."""
    if chord == NONE:
        return ()
    root, quality = divmod(chord - 1, len(QUALITIES))
    return tuple(root + step for step in tuple(QUALITIES.values())[quality])


def transposed(chords: np.ndarray, semitones: int) -> np.ndarray:
    """Chords int [S] on other roots; `NONE` stays."""
    root, quality = np.divmod(chords - 1, len(QUALITIES))
    return np.where(chords == NONE, NONE, 1 + (root + semitones) % 12 * len(QUALITIES) + quality)


def transcribe(waveform: np.ndarray, sample_rate: int, onsets_s: np.ndarray) -> Transcription:
    """Transcribe a clip.

    Args:
        waveform: float32 [N].
        sample_rate: in Hz.
        onsets_s: its onsets.
    """
    seconds = ceil(len(waveform) / sample_rate)
    parts = np.array_split(waveform, np.arange(1, seconds) * sample_rate)
    loudness = np.array([np.sqrt(np.square(part, dtype=np.float64).mean()) for part in parts], np.float32)
    chroma = chroma_of(waveform, sample_rate)  # [S, 12]
    best = _likeness(chroma).argmax(axis=1)
    chords = np.where(loudness > QUIET * loudness.max(initial=0), 1 + best, NONE)
    key = key_of(_templates()[best].sum(axis=0))  # of the chords: the chroma itself is full of overtones
    density = np.bincount(np.floor(onsets_s).astype(int).clip(0, seconds - 1), minlength=seconds).astype(np.float32)
    return Transcription(chords=transposed(chords, -key.shift), key=key, loudness=loudness, density=density)


def chroma_of(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Energy of each pitch class in each second, tuned to A440, [S, 12] from C."""
    from vmas_pipeline.audio.onsets import load_librosa

    hop = sample_rate // 16
    frames = (
        load_librosa()
        .feature.chroma_stft(
            y=waveform,
            sr=sample_rate,
            n_fft=2 ** round(np.log2(sample_rate / 4)),
            hop_length=hop,
            norm=None,
            tuning=0.0,
        )
        .T
    )
    seconds = ceil(len(waveform) / sample_rate)
    second = np.minimum(np.arange(len(frames)) * hop // sample_rate, seconds - 1)
    return np.stack([frames[second == number].sum(axis=0) for number in range(seconds)])


def key_of(chroma: np.ndarray) -> Key:
    """The key whose profile correlates best with the energies [12] of the pitch classes."""
    profiles = np.array([np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)])
    centred = profiles - profiles.mean(axis=1, keepdims=True)
    best = int((centred @ (chroma - chroma.mean()) / np.linalg.norm(centred, axis=1)).argmax())
    return Key(tonic=best % 12, minor=best >= 12)


def _likeness(chroma: np.ndarray) -> np.ndarray:
    """Cosine of each second's chroma [S, 12] with each chord's notes, [S, CHORDS - 1]."""
    return chroma @ _templates().T / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)


@cache
def _templates() -> np.ndarray:
    """Unit vectors of the chords' notes, [CHORDS - 1, 12]."""
    notes = np.zeros((CHORDS - 1, 12))
    for chord in range(1, CHORDS):
        notes[chord - 1, [tone % 12 for tone in tones_of(chord)]] = 1
    return notes / np.linalg.norm(notes, axis=1, keepdims=True)
