import numpy as np
import pytest
from mido import Message, MetaMessage, MidiFile, MidiTrack

from vmas_pipeline.systems.cmt.words import (
    BAR,
    BASS,
    DRUMS,
    GUITAR,
    PIANO,
    PREDICTED,
    STRINGS,
    VOCABULARY,
    Tone,
    decode,
    encode,
    notes_of,
    read_tones,
)


def tone(tick, instrument, pitch, ticks=1):
    return Tone(tick=tick, instrument=instrument, pitch=pitch, ticks=ticks)


def test_a_bar_written_out_by_hand():
    """After the published rules."""
    words = encode([tone(0, DRUMS, 36), tone(0, STRINGS, 60, 4), tone(0, STRINGS, 64, 4), tone(8, BASS, 33, 8)])
    assert words.tolist() == [
        [17, 1, 3, 0, 0, 0, 0, 1, 0],  # bar: two ticks with notes
        [1, 1, 2, 0, 0, 1, 1, 1, 0],
        [0, 2, 0, 37, 2, 1, 0, 1, 0],
        [1, 1, 2, 0, 0, 5, 2, 1, 0],
        [0, 2, 0, 61, 5, 5, 0, 1, 0],
        [0, 2, 0, 65, 5, 5, 0, 1, 0],
        [9, 1, 1, 0, 0, 4, 1, 51, 8],  # half of 16 ticks have gone by
        [0, 2, 0, 34, 9, 4, 0, 51, 8],
        [17, 1, 1, 0, 0, 0, 0, 101, 16],  # the bar in which the piece ends has no notes
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_words_give_back_the_notes():
    random = np.random.default_rng(0)
    tones = sorted({tone(*map(int, random.integers([0, 1, 0, 1], [200, 6, 128, 17]))) for _ in range(300)})
    words = encode(tones)
    assert decode(words) == tones
    assert (words[:, :PREDICTED] < VOCABULARY).all() and (words >= 0).all()
    assert (words[:-1, 8] // 16 == np.cumsum(words[:-1, 0] == BAR) - 1).all()


def test_impossible_words_are_left_out():
    words = [
        [0, 2, 0, 61, 5, 2, 0],  # a note before the first bar
        [17, 1, 2, 0, 0, 0, 0],
        [5, 1, 1, 0, 0, 0, 1],
        [0, 2, 0, 0, 5, 2, 0],  # without a pitch
        [0, 2, 0, 61, 1, 2, 0],  # without a length
        [0, 2, 0, 61, 5, 0, 0],  # without an instrument: drums
        [0, 0, 0, 0, 0, 0, 0],
        [0, 2, 0, 61, 5, 2, 0],  # after the end
    ]
    assert decode(np.array(words)) == [tone(4, DRUMS, 60, 4)]
    assert decode(encode([])) == []


def test_midi_is_read_on_the_grid_of_its_beats(tmp_path):
    file = MidiFile(ticks_per_beat=480)
    file.tracks.append(MidiTrack([MetaMessage("set_tempo", tempo=300_000)]))  # 200 beats a minute
    for channel, program in ((0, 4), (1, 27), (2, 38), (3, 98), (9, 0)):
        notes = [Message("note_on", channel=channel, note=60, velocity=90, time=490)]  # one beat and a bit
        notes += [Message("note_off", channel=channel, note=60, time=10 if channel == 9 else 4000)]
        file.tracks.append(MidiTrack([Message("program_change", channel=channel, program=program), *notes]))
    file.save(tmp_path / "a.mid")
    found = read_tones(tmp_path / "a.mid")
    assert found == [tone(4, DRUMS, 60, 1), *(tone(4, part, 60, 16) for part in (PIANO, GUITAR, BASS, STRINGS))]
    assert read_tones(tmp_path / "a.mid", least=2) == []


def test_ticks_are_sixteenths_of_a_bar_of_four_beats():
    (note,) = notes_of([tone(16, GUITAR, 64, 4)], tempo=120)
    assert (note.start_s, note.end_s, note.program, note.drum) == (pytest.approx(2.0), pytest.approx(2.5), 24, False)
