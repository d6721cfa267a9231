"""Video2Music's arrangement: an arpeggio over each second's chord, busier and harder struck where it shall be loud."""

# S seconds

from collections.abc import Sequence

import numpy as np

from vmas_pipeline.systems.symbolic.notes import Note
from vmas_pipeline.systems.video2music.chords import tones_of

BEAT_S = 0.5
"""At 120 beats a minute."""

MIDDLE, BASS = 60, 48
"""MIDI pitches of C: of the chord, and of the root that is doubled below."""

LOUD_FROM = (7, 13, 19, 25)
"""Loudness, RMS in percent, from which on each of the busier arpeggios is played."""

LOUDEST = 50
VELOCITIES, EXPONENT = (49, 112), 0.3

_BUSY = ((0.0, 0), (0.25, 1), (0.5, 2), (0.75, 1), (1.0, 3), (1.5, 2))
_BUSY_AFTER = ((0.0, 1), (0.25, 0), (0.5, 1), (0.75, 2), (1.0, 3), (1.5, 2))
_LAST = ((1.25, 2), (1.5, 1), (1.75, 2))

ARPEGGIOS: tuple[tuple[tuple[tuple[float, int], ...], tuple[tuple[float, int], ...]], ...] = (
    (((0.0, 0), (1.0, 1)), ((0.0, 2), (1.0, 3))),
    (((0.0, 0), (0.5, 1), (1.0, 2)), ((0.0, 3), (0.5, 1), (1.0, 2))),
    (((0.0, 0), (0.5, 1), (1.0, 2), (1.5, 3)), ((0.0, 2), (0.5, 1), (1.0, 2), (1.5, 3))),
    (_BUSY, _BUSY_AFTER),
    ((*_BUSY[:-1], *_LAST), (*_BUSY_AFTER[:-1], *_LAST)),
)
"""From calm to busy: beat and rank of the chord's note, bass first, in the chord's first second and its second."""


def arrange(chords: Sequence[int], loudness: np.ndarray, shift: int) -> list[Note]:
    """The notes of a piece for a piano, each as long as a chord.

    Args:
        chords: of each second, as if the key were C major or A minor.
        loudness: RMS of each second, float [S].
        shift: semitones to the key.
    """
    percents = (np.asarray(loudness) * 100).astype(int).clip(0, LOUDEST)
    notes, held = [], 0
    for second, (chord, percent) in enumerate(zip(chords, percents.tolist(), strict=True)):
        held = held + 1 if second and chord == chords[second - 1] else 0
        voices = [voice + shift for voice in _voices(chord)]
        arpeggio = ARPEGGIOS[int(np.searchsorted(LOUD_FROM, percent, side="right"))][held % 2]
        for beat, rank in arpeggio if voices else ():
            start_s = second + beat * BEAT_S
            notes.append(Note(start_s=start_s, end_s=start_s + 1.0, pitch=voices[rank], velocity=velocity(percent)))
    return notes


def velocity(percent: int) -> int:
    """MIDI velocity for a loudness, RMS in percent up to `LOUDEST`."""
    low, high = VELOCITIES
    return round((percent / LOUDEST) ** EXPONENT * (high - low) + low)


def _voices(chord: int) -> list[int]:
    """MIDI pitches: the root in the bass, then the chord's notes within one octave around middle C."""
    tones = tones_of(chord)
    if not tones:
        return []
    upper = sorted(MIDDLE - 5 + (tone + 5) % 12 for tone in tones)  # from G3 up
    return [BASS + tones[0] % 12 - (12 if tones[0] % 12 > 7 else 0), *upper]
