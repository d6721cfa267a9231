"""Notes of a score in seconds, read from MIDI."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.media import local

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI


@dataclass(frozen=True, kw_only=True)
class Note:
    """One note."""

    start_s: float
    end_s: float
    pitch: int
    """MIDI pitch, 69 for A4; of a drum, its key on General MIDI's drum channel."""
    velocity: int = 80
    """1 to 127."""
    program: int = 0
    """General MIDI program, from 0."""
    drum: bool = False


def read_notes(path: Path) -> list[Note]:
    """All notes of a MIDI file, by start.

    Raises:
        ValueError: as for `read_midi`.
    """
    notes = [
        Note(
            start_s=note.start,
            end_s=note.end,
            pitch=note.pitch,
            velocity=note.velocity,
            program=track.program,
            drum=track.is_drum,
        )
        for track in read_midi(path).instruments
        for note in track.notes
    ]
    return sorted(notes, key=lambda note: (note.start_s, note.drum, note.program, note.pitch))


def read_midi(path: Path) -> "PrettyMIDI":
    """A MIDI file as pretty_midi reads it.

    Raises:
        ValueError: it is none.
    """
    from pretty_midi import PrettyMIDI

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # tempo changes outside the first track are read as well
            return PrettyMIDI(str(path))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path} is no MIDI file that can be read ({error}): replace or remove it") from error


def score_of(row: Mapping[Any, Any]) -> Path:
    """Where the score of a clip's film lies, from a row of the manifest: beside the film, as `NAME.mid`."""
    return beside(local(row["source_path"]))


def beside(video: Path) -> Path:
    """Where a film's score lies: with its name and the suffix .mid."""
    return video.with_suffix(".mid")
