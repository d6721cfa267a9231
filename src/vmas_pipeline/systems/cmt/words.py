"""CMT's compound words: a score as a list of words of seven attributes each, and back.

A bar of 16 ticks is a word that says so, then for each tick with notes, and for each instrument in it, a word for the
place and one for each note:

    bar  (density 3)                        two ticks of this bar have notes; densities count from 1
    beat tick 0, drums (density 2, strength 1)   one tick of this bar is still to come; one note of the drums here
    note drums, key 36
    beat tick 0, strings (density 2, strength 2)
    note strings, pitch 60, 4 ticks long
    note strings, pitch 64, 4 ticks long
    beat tick 8, bass (density 1, strength 1)
    ...

Each word also knows the share of the piece that has gone by, and its tick. Published at github.com/wzk1015/
video-bgm-generation; the numbers of the attributes' values are those of its checkpoint.
"""

# W words, A attributes

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from vmas_pipeline.systems.symbolic.notes import Note, read_midi

TICKS = 16
"""In a bar; four are a beat."""

BEAT, TYPE, DENSITY, PITCH, DURATION, INSTRUMENT, STRENGTH, PROGRESS, TICK = range(9)
"""Columns of a word: seven attributes that are predicted, then its share of the piece in percent, from 1, and its tick
from the piece's beginning."""

PREDICTED = 7
VOCABULARY = (18, 3, 18, 129, 18, 6, 20)
"""Number of values of each predicted attribute; 0 means none."""

PERCENTS = 102
"""Number of values of PROGRESS."""

END, PLACE, NOTE = range(3)
"""Types of a word: of the end, of a bar or a beat, of a note."""

BAR = 17
"""Value of BEAT for a bar; a beat has its tick in the bar plus 1."""

PROGRAMS = {1: 0, 2: 0, 3: 24, 4: 33, 5: 41}
"""General MIDI program that each instrument is played with: drums, piano, guitar, bass, strings."""

DRUMS, PIANO, GUITAR, BASS, STRINGS = PROGRAMS
FAMILIES = {0: PIANO, 3: GUITAR, 4: BASS}
"""Instrument of General MIDI's families of eight programs; the others are strings, as in the LPD-5 data set."""

VELOCITY = 80


@dataclass(frozen=True, kw_only=True, order=True)
class Tone:
    """A note on the grid."""

    tick: int
    instrument: int
    pitch: int
    ticks: int
    """Its length, at most a bar."""


def read_tones(path: Path, least: int = 1) -> list[Tone]:
    """The notes of a MIDI file on the grid of its beats: a beat is four ticks whatever the metre.

    Args:
        path: the file.
        least: tracks with fewer notes are left out.

    Raises:
        ValueError: as for `read_midi`.
    """
    midi = read_midi(path)
    per_tick = midi.resolution / (TICKS / 4)
    found = set()
    for track in midi.instruments:
        instrument = DRUMS if track.is_drum else FAMILIES.get(track.program // 8, STRINGS)
        for note in track.notes if len(track.notes) >= least else ():
            start, end = (round(midi.time_to_tick(time) / per_tick) for time in (note.start, note.end))
            found.add(Tone(tick=start, instrument=instrument, pitch=note.pitch, ticks=min(max(1, end - start), TICKS)))
    return sorted(found)


def encode(tones: Sequence[Tone]) -> np.ndarray:
    """The words of a piece with its end, int64 [W, 9]."""
    total = max((tone.tick + tone.ticks for tone in tones), default=1)
    bars: list[list[Tone]] = [[] for _ in range(total // TICKS + 1)]
    for tone in sorted(tones):
        bars[tone.tick // TICKS].append(tone)
    words = [word for number, bar in enumerate(bars) for word in _bar(bar, number * TICKS, total)]
    return np.array([*words, [0] * 9], np.int64)


def _bar(tones: Iterable[Tone], first: int, total: int) -> list[list[int]]:
    places = [(at, list(group)) for at, group in groupby(tones, key=lambda tone: (tone.tick, tone.instrument))]
    ticks = sorted({tick for (tick, _), _ in places})
    words = [bar_word(len(ticks) + 1, first, total)]
    for (tick, instrument), group in places:
        later = len(ticks) - ticks.index(tick)
        words.append(beat_word(tick - first, later, instrument, len(group), first, total))
        for tone in group:
            note = [0, NOTE, 0, tone.pitch + 1, tone.ticks + 1, instrument, 0]
            words.append([*note, progress(tick, total), tick])
    return words


def bar_word(density: int, first: int, total: int) -> list[int]:
    """The word of a bar that begins at a tick.

    Args:
        density: number of its ticks with notes, plus 1.
        first: its tick.
        total: ticks of the piece.
    """
    return [BAR, PLACE, density, 0, 0, 0, 0, progress(first, total), first]


def beat_word(tick: int, density: int, instrument: int, strength: int, first: int, total: int) -> list[int]:
    """The word of a place in a bar.

    Args:
        tick: in the bar.
        density: number of the bar's ticks with notes from this one on.
        instrument: of the notes that follow.
        strength: their number.
        first, total: as for `bar_word`.
    """
    strength = min(strength, VOCABULARY[STRENGTH] - 1)
    at = first + tick
    return [tick + 1, PLACE, density, 0, 0, instrument, strength, progress(at, total), at]


def progress(tick: int, total: int) -> int:
    """The share of a piece before a tick, in percent, from 1 to 101."""
    return min(tick * 100 // max(1, total), PERCENTS - 2) + 1


def decode(words: np.ndarray) -> list[Tone]:
    """The notes of words [W, A]; notes without pitch or length, and those before the first bar, are left out."""
    tones, first, tick = [], -TICKS, 0
    for word in words[:, :PREDICTED].tolist():
        if word[TYPE] == END:
            break
        if word[TYPE] == PLACE and word[BEAT] == BAR:
            first, tick = first + TICKS, 0
        elif word[TYPE] == PLACE and word[BEAT]:
            tick = word[BEAT] - 1
        elif word[TYPE] == NOTE and word[PITCH] and word[DURATION] > 1 and first >= 0:
            instrument = word[INSTRUMENT] or DRUMS
            tones.append(
                Tone(tick=first + tick, instrument=instrument, pitch=word[PITCH] - 1, ticks=word[DURATION] - 1)
            )
    return tones


def notes_of(tones: Iterable[Tone], tempo: float) -> list[Note]:
    """The notes in seconds.

    Args:
        tones: on the grid.
        tempo: beats a minute.
    """
    tick_s = 60 / tempo / (TICKS / 4)
    return [
        Note(
            start_s=tone.tick * tick_s,
            end_s=(tone.tick + tone.ticks) * tick_s,
            pitch=tone.pitch,
            velocity=VELOCITY,
            program=PROGRAMS[tone.instrument],
            drum=tone.instrument == DRUMS,
        )
        for tone in tones
    ]
