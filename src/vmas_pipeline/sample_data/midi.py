"""Scores as standard MIDI files."""

from pathlib import Path

from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.score import Note, Score

_TICKS_PER_BEAT = 960
_DRUM_CHANNEL = 9


def write_midi(score: Score, path: Path) -> None:
    """Writes a score: one track of tempo, metre, key and chords (as markers), then one for each instrument.

    Time 0 is the film's beginning, so bars need not begin where the film's do.

    Args:
        score: the notes.
        path: the file to write.
    """
    file = MidiFile(ticks_per_beat=_TICKS_PER_BEAT)
    file.tracks.append(_conductor(score))
    names = list(dict.fromkeys(note.instrument for note in score.notes))
    pitched = [name for name in names if INSTRUMENTS[name].drum is None]
    for name in names:
        channel = _DRUM_CHANNEL if name not in pitched else _channel(pitched.index(name))
        notes = [note for note in score.notes if note.instrument == name]
        file.tracks.append(_track(name, channel, notes, score.beat_s))
    file.save(str(path))


def _channel(rank: int) -> int:
    """MIDI channel of an instrument with pitch, which leaves the drum channel free."""
    return rank if rank < _DRUM_CHANNEL else rank + 1


def _conductor(score: Score) -> MidiTrack:
    key = score.key.name.replace(" major", "").replace(" minor", "m")
    track = MidiTrack(
        [
            MetaMessage("set_tempo", tempo=bpm2tempo(60 / score.beat_s)),
            MetaMessage("time_signature", numerator=score.beats_per_bar, denominator=4),
            MetaMessage("key_signature", key=key),
        ]
    )
    markers = [
        (_ticks(chord.start_s, score.beat_s), MetaMessage("marker", text=chord.harmony.name)) for chord in score.chords
    ]
    return _timed(track, markers)


def _track(name: str, channel: int, notes: list[Note], beat_s: float) -> MidiTrack:
    track = MidiTrack([MetaMessage("track_name", name=name)])
    if channel != _DRUM_CHANNEL:
        track.append(Message("program_change", channel=channel, program=INSTRUMENTS[name].program))
    messages = []
    for note in notes:
        start, end = _ticks(note.start_s, beat_s), _ticks(note.start_s + note.duration_s, beat_s)
        velocity = max(1, round(127 * note.velocity))
        messages.append((start, Message("note_on", channel=channel, note=note.pitch, velocity=velocity)))
        messages.append((end, Message("note_off", channel=channel, note=note.pitch)))
    return _timed(track, messages)


def _timed(track: MidiTrack, messages: list[tuple[int, Message]]) -> MidiTrack:
    """Appends messages at their ticks; at equal ones, notes end before others begin."""
    now = 0
    for tick, message in sorted(messages, key=lambda entry: (entry[0], entry[1].type != "note_off")):
        message.time = tick - now  # since the message before it
        track.append(message)
        now = tick
    track.append(MetaMessage("end_of_track"))
    return track


def _ticks(time_s: float, beat_s: float) -> int:
    return round(time_s / beat_s * _TICKS_PER_BEAT)
