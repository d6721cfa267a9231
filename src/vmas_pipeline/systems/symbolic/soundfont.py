"""Scores to sound: tinysoundfont plays them with the samples of a SoundFont."""

# N samples

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vmas_pipeline.systems.symbolic.notes import Note

if TYPE_CHECKING:
    from tinysoundfont import Synth

SYNTHESIS_RATE = 44_100
"""Hz at which notes are synthesised, that of the samples in SoundFonts: the player does not filter what it skips."""

CHANNELS = 16
"""MIDI channels of the player: more instruments are played in several turns and added."""

TAIL_S = 0.5
"""A note struck within this after the end is still played, so that resampling has its context."""


def bundled_soundfont() -> Path:
    """`TimGM6mb.sf2` by Tim Brechbill (6 MB), in the installed package pretty_midi.

    Its licence is the GPL, version 2, though that of the package is MIT. One under MIT is in Debian's package
    musescore-general-soundfont-small (34 MB): give its path instead.
    """
    found = find_spec("pretty_midi")
    assert found is not None and found.origin is not None, "pretty_midi is one of our dependencies"
    return Path(found.origin).with_name("TimGM6mb.sf2")


class Player:
    """Plays notes with a SoundFont: equal notes give equal samples."""

    def __init__(self, soundfont: Path | None, sample_rate: int) -> None:
        """Take a SoundFont.

        Args:
            soundfont: an .sf2 or .sf3 file; None: `bundled_soundfont`.
            sample_rate: of the waveform, in Hz.

        Raises:
            ValueError: there is no such file, or it is no SoundFont.
        """
        self.soundfont = soundfont or bundled_soundfont()
        self.sample_rate = sample_rate
        if not self.soundfont.is_file():
            raise ValueError(f"soundfont {self.soundfont} is not a file: give the path of an .sf2 or .sf3, or none")
        self._synth()

    def play(self, notes: Sequence[Note], duration_s: float, start_s: float = 0.0) -> np.ndarray:
        """The sound of the notes, from a time on.

        Args:
            notes: any order.
            duration_s: length of the waveform; notes that still sound are cut.
            start_s: what sounds before is left out, but notes struck before and held are heard on.

        Returns:
            float32 [N] in [-1, 1], turned down as a whole where it would clip.
        """
        import torch
        from torchaudio.functional import resample

        until_s = start_s + duration_s + TAIL_S
        played = [note for note in notes if note.start_s < until_s]
        sound = np.zeros(round(until_s * SYNTHESIS_RATE), np.float32)
        for turn in _turns(played):
            sound += self._play(turn, len(sound))
        waveform = resample(torch.from_numpy(sound), SYNTHESIS_RATE, self.sample_rate).numpy()
        first, count = round(start_s * self.sample_rate), round(duration_s * self.sample_rate)
        waveform = waveform[first : first + count]
        return waveform / max(1.0, float(np.abs(waveform).max(initial=0.0)))

    def _play(self, turn: dict[tuple[int, bool], list[Note]], samples: int) -> np.ndarray:
        """One turn of at most `CHANNELS` instruments, float32 [samples] at the synthesis rate."""
        synth, events = self._synth(), []
        for channel, ((program, drum), notes) in enumerate(turn.items()):
            synth.program_change(channel, program, drum)
            for note in notes:
                begin = max(0, round(note.start_s * SYNTHESIS_RATE))
                end = max(begin + 1, round(note.end_s * SYNTHESIS_RATE))
                events.append((begin, 1, channel, note.pitch, note.velocity))
                events.append((end, 0, channel, note.pitch, 0))
        sound, now = np.zeros(samples, np.float32), 0
        for at, on, channel, pitch, velocity in sorted(events):  # at equal times, notes end before others begin
            if at >= samples:
                break
            if at > now:
                sound[now:at] = _generated(synth, at - now)
                now = at
            if on:
                synth.noteon(channel, pitch, velocity)
            else:
                synth.noteoff(channel, pitch)
        if now < samples:
            sound[now:] = _generated(synth, samples - now)
        return sound

    def _synth(self) -> "Synth":
        """A new one for each turn: voices that have ended would otherwise change those that follow."""
        import tinysoundfont

        synth = tinysoundfont.Synth(samplerate=SYNTHESIS_RATE)
        try:
            synth.sfload(str(self.soundfont))
        except RuntimeError as error:
            raise ValueError(f"soundfont {self.soundfont} cannot be read ({error}): give an .sf2 or .sf3") from error
        return synth


def _turns(notes: Sequence[Note]) -> Iterator[dict[tuple[int, bool], list[Note]]]:
    """The notes by program and drum, at most `CHANNELS` of them at a time."""
    tracks: dict[tuple[int, bool], list[Note]] = {}
    for note in notes:
        tracks.setdefault((note.program, note.drum), []).append(note)
    names = sorted(tracks)
    for first in range(0, len(names), CHANNELS):
        yield {name: tracks[name] for name in names[first : first + CHANNELS]}


def _generated(synth: "Synth", samples: int) -> np.ndarray:
    """The next samples, both channels mixed, float32 [samples]."""
    return np.frombuffer(bytes(synth.generate(samples)), np.float32).reshape(-1, 2).mean(axis=1)
