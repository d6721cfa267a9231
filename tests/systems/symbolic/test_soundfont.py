import numpy as np
import pytest

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.pitch import strongest_partials
from vmas_pipeline.systems.symbolic.notes import Note
from vmas_pipeline.systems.symbolic.soundfont import Player, bundled_soundfont

RATE = 16_000


@pytest.fixture(scope="module")
def player():
    return Player(None, RATE)


def note(start_s, pitch=69, length_s=0.4, **more):
    return Note(start_s=start_s, end_s=start_s + length_s, pitch=pitch, **more)


def test_a_note_sounds_at_its_time(player):
    times = [0.5, 1.23, 2.0]
    heard = onset_times(player.play([note(each) for each in times], 3.0), RATE)
    np.testing.assert_allclose(heard, times, atol=0.03)
    before = player.play([note(0.5)], 1.0)[: round(0.499 * RATE)]
    assert np.abs(before).max() < 1e-3


@pytest.mark.parametrize("pitch", [45, 57, 69, 76])
def test_a_note_has_its_pitch(player, pitch):
    """Of an electric piano, within five cents of equal temperament at A440."""
    sound = player.play([note(0.0, pitch, 2.0, program=4)], 2.0)
    hz = np.median(strongest_partials(sound, RATE)[1])
    assert abs(1200 * np.log2(hz / (440 * 2 ** ((pitch - 69) / 12)))) < 5


def test_the_same_notes_give_the_same_samples(player):
    notes = [note(0.1 * i, 60 + i, program=8 * i % 128) for i in range(20)]  # more instruments than channels
    first = player.play(notes, 2.0)
    assert first.tobytes() == player.play(notes[::-1], 2.0).tobytes() == Player(None, RATE).play(notes, 2.0).tobytes()
    assert first.shape == (2 * RATE,) and first.dtype == np.float32


def test_a_part_of_a_score_is_what_the_whole_has_there(player):
    notes = [note(0.2, length_s=1.5, program=40), note(1.1, 64)]
    np.testing.assert_allclose(
        player.play(notes, 0.5, start_s=1.0), player.play(notes, 2.0)[RATE : RATE * 3 // 2], atol=1e-6
    )


def test_many_loud_notes_do_not_clip(player):
    chord = [note(0.0, pitch, 1.0, velocity=127, program=p) for pitch in range(40, 80, 2) for p in (0, 48, 61)]
    assert np.abs(player.play(chord, 1.0)).max() == pytest.approx(1.0)


def test_drums_differ_from_pitched_notes_and_no_notes_are_silent(player):
    drum, piano = player.play([note(0.0, 38, drum=True)], 0.5), player.play([note(0.0, 38)], 0.5)
    assert np.abs(drum).max() > 0.01 and not np.allclose(drum, piano)
    assert not player.play([], 0.5).any() and not player.play([note(9.0)], 0.5).any()


def test_the_bundled_soundfont_is_there_and_others_are_refused(tmp_path):
    assert bundled_soundfont().stat().st_size > 5_000_000
    with pytest.raises(ValueError, match=r"nowhere\.sf2 is not a file: give the path of an \.sf2 or \.sf3"):
        Player(tmp_path / "nowhere.sf2", RATE)
    (tmp_path / "notes.sf2").write_text("la la la")
    with pytest.raises(ValueError, match=r"notes\.sf2 cannot be read"):
        Player(tmp_path / "notes.sf2", RATE)
