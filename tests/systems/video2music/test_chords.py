import numpy as np
import pytest

from vmas_pipeline.systems.symbolic.notes import Note
from vmas_pipeline.systems.symbolic.soundfont import Player
from vmas_pipeline.systems.video2music.chords import (
    END,
    NONE,
    PAD,
    TOKENS,
    Key,
    key_of,
    number_of,
    tones_of,
    transcribe,
    transposed,
)

RATE = 16_000


def test_chords_have_the_originals_numbers():
    assert (NONE, number_of(0, "maj"), number_of(11, "maj7"), END, PAD, TOKENS) == (0, 1, 156, 157, 158, 159)
    assert tones_of(number_of(9, "min")) == (9, 12, 16) and tones_of(NONE) == ()


@pytest.mark.parametrize(
    ("tonic", "minor", "shift"),
    [(0, False, 0), (5, False, -7), (4, False, 4), (11, False, -1), (9, True, 0), (2, True, -7), (1, True, 4)],
)
def test_keys_are_transposed_as_in_the_original(tonic, minor, shift):
    assert Key(tonic=tonic, minor=minor).shift == shift


def test_transposing_keeps_the_quality_and_what_is_no_chord():
    chords = np.array([NONE, number_of(11, "min7"), number_of(3, "maj")])
    expected = [NONE, number_of(1, "min7"), number_of(5, "maj")]
    assert transposed(chords, 2).tolist() == expected
    assert transposed(np.array(expected), -2).tolist() == chords.tolist()


def played(progression, shift):
    """Triads and sevenths on an electric piano, one a second."""
    notes = [
        Note(start_s=second + 0.0, end_s=second + 0.95, pitch=60 + shift + tone, program=4)
        for second, chord in enumerate(progression)
        for tone in tones_of(chord)
    ]
    return Player(None, RATE).play(notes, float(len(progression)))


@pytest.mark.parametrize("shift", [0, 3, -4])
def test_what_is_played_is_heard(shift):
    progression = [number_of(*each) for each in ((0, "maj"), (9, "min"), (5, "maj"), (7, "maj"), (0, "maj"))]
    found = transcribe(played(progression, shift), RATE, np.array([0.0, 1.0, 1.5, 4.9], np.float32))
    assert found.chords.tolist() == progression
    assert found.key == Key(tonic=shift % 12, minor=False)
    assert found.density.tolist() == [1, 2, 0, 0, 1]
    assert found.loudness.min() > 0.01


def test_silence_has_no_chord():
    sound = np.concatenate([played([number_of(0, "maj")], 0), np.zeros(RATE, np.float32)])
    found = transcribe(sound, RATE, np.zeros(0, np.float32))
    assert found.chords.tolist() == [number_of(0, "maj"), NONE]
    assert transcribe(np.zeros(RATE // 2, np.float32), RATE, np.zeros(0)).chords.tolist() == [NONE]


def test_a_scale_has_its_key():
    weights = np.zeros(12)
    weights[[9, 11, 0, 2, 4, 5, 7]] = [3, 1, 2, 1, 2, 1, 1]
    assert key_of(weights) == Key(tonic=9, minor=True)
    assert key_of(np.roll(weights, 4)) == Key(tonic=1, minor=True)
