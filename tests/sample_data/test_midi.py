from pathlib import Path

import numpy as np
import pytest
from mido import MidiFile

from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.midi import write_midi
from vmas_pipeline.sample_data.score import Score, compose
from vmas_pipeline.sample_data.styles import STYLES
from vmas_pipeline.sample_data.timeline import draw_timeline

Sounded = tuple[str, int, float, float, float]


@pytest.fixture(params=STYLES, ids=lambda style: style.name)
def score(request: pytest.FixtureRequest) -> Score:
    random = np.random.default_rng(8)
    return compose(request.param, draw_timeline(10.0, random, beat_s=request.param.beat_s), random)


def read_notes(file: MidiFile, beat_s: float) -> list[Sounded]:
    """Instrument, pitch, start, end and velocity of each note, by start."""
    notes = []
    for track in file.tracks[1:]:
        now_s, sounding = 0.0, {}
        for message in track:
            now_s += message.time / file.ticks_per_beat * beat_s
            if message.type == "note_on":
                assert message.note not in sounding
                sounding[message.note] = (now_s, message.velocity)
            elif message.type == "note_off":
                start_s, velocity = sounding.pop(message.note)
                notes.append((track.name, message.note, start_s, now_s, velocity / 127))
        assert not sounding
    return sorted(notes, key=lambda note: (note[0], note[1], note[2]))


def test_a_file_read_back_has_the_scores_notes(score: Score, tmp_path: Path) -> None:
    write_midi(score, tmp_path / "score.mid")
    read = read_notes(MidiFile(tmp_path / "score.mid"), score.beat_s)
    written = [
        (note.instrument, note.pitch, note.start_s, note.start_s + note.duration_s, note.velocity)
        for note in sorted(score.notes, key=lambda note: (note.instrument, note.pitch, note.start_s))
    ]
    assert [note[:2] for note in read] == [note[:2] for note in written]
    np.testing.assert_allclose([note[2:4] for note in read], [note[2:4] for note in written], atol=1e-3)
    np.testing.assert_allclose([note[4] for note in read], [note[4] for note in written], atol=1 / 127)


def test_tempo_metre_key_and_chords_are_told(score: Score, tmp_path: Path) -> None:
    write_midi(score, tmp_path / "score.mid")
    told = {}
    chords = []
    for message in MidiFile(tmp_path / "score.mid").tracks[0]:
        told[message.type] = message
        chords += [message.text] if message.type == "marker" else []
    assert told["set_tempo"].tempo == pytest.approx(1e6 * score.beat_s, abs=1)
    assert told["time_signature"].numerator == score.beats_per_bar
    assert told["key_signature"].key == score.key.name.replace(" major", "").replace(" minor", "m")
    assert chords == [chord.harmony.name for chord in score.chords]


def test_drums_without_pitch_are_on_the_drum_channel(score: Score, tmp_path: Path) -> None:
    write_midi(score, tmp_path / "score.mid")
    for track in MidiFile(tmp_path / "score.mid").tracks[1:]:
        channels = {message.channel for message in track if message.type == "note_on"}
        assert (channels == {9}) == (INSTRUMENTS[track.name].drum is not None)
