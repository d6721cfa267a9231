import numpy as np
import pytest

from vmas_pipeline.audio.pitch import (
    chroma_correlation,
    in_key,
    in_key_chance,
    in_tune,
    key_fit,
    pitch_agreement,
    strong_notes,
    strongest_partials,
    tuning,
)

RATE = 16_000
C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


def hertz(midi):
    return 440 * 2 ** ((np.asarray(midi) - 69) / 12)


def tone(midi, seconds=1.0, rate=RATE):
    return np.sin(2 * np.pi * hertz(midi) * np.arange(round(seconds * rate)) / rate)


def tune(notes, rate=RATE):
    return np.concatenate([tone(note, 0.6, rate) for note in notes])


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100])
@pytest.mark.parametrize("midi", [40, 57.3, 69, 88.5])
def test_a_partials_pitch_is_found_to_two_cents_at_any_sample_rate(midi, rate):
    times, hz = strongest_partials(tone(midi, 2.0, rate), rate)
    inside = (times > 0.2) & (times < 1.8)
    assert inside.sum() == pytest.approx(25, abs=1)
    assert np.abs(12 * np.log2(hz[inside] / hertz(midi))).max() < 0.02


def test_of_two_partials_the_stronger_is_found_and_rumble_is_left_out():
    waveform = tone(69) + 0.5 * tone(76) + 3 * np.sin(2 * np.pi * 20 * np.arange(RATE) / RATE)
    times, hz = strongest_partials(waveform, RATE)
    inside = (times > 0.2) & (times < 0.8)
    np.testing.assert_allclose(hz[inside], 440, rtol=1e-3)


def test_frames_more_than_20_db_below_the_loudest_do_not_count():
    waveform = np.concatenate([tone(69), 0.05 * tone(69.5), tone(69)])
    times, _ = strongest_partials(waveform, RATE)
    assert not ((times > 1.2) & (times < 1.8)).any()
    assert in_tune(waveform, RATE) > 0.95  # all but a frame at the seam


def test_a_note_of_the_scale_is_in_tune_and_one_between_two_is_not():
    assert in_tune(tone(69, 3), RATE) == 1.0
    assert in_tune(tone(69.2, 3), RATE) == 1.0
    assert in_tune(tone(69.5, 3), RATE) < 0.1  # the faded ends alone
    assert in_tune(tone(69.3, 3), RATE) < 0.1


def test_random_pitches_are_in_tune_half_the_time():
    random = np.random.default_rng(0)
    waveform = np.concatenate([tone(pitch, 0.3) for pitch in random.uniform(50, 80, 400)])
    assert in_tune(waveform, RATE) == pytest.approx(0.5, abs=0.05)


def test_strong_notes_are_those_that_were_played():
    assert strong_notes(tune(C_MAJOR), RATE).tolist() == C_MAJOR
    gap = np.zeros(RATE // 2)
    assert strong_notes(np.concatenate([tone(69, 0.5), gap, tone(69, 0.5)]), RATE).tolist() == [69, 69]


def test_a_scale_is_in_its_key_and_its_relative_minor_too():
    assert in_key(tune(C_MAJOR), RATE) == 1.0
    assert in_key(tune([57, 59, 60, 62, 64, 65, 67, 69]), RATE) == 1.0  # A minor
    assert in_key(tune(np.array(C_MAJOR) + 3), RATE) == 1.0


def test_twelve_different_notes_fit_a_key_by_seven_twelfths():
    assert in_key(tune(range(60, 72)), RATE) == pytest.approx(7 / 12)
    assert key_fit(np.array([60, 62, 64, 65, 67, 69, 71, 66])) == 7 / 8


def test_few_random_notes_fit_some_key_and_many_fit_none():
    assert in_key_chance(1) == in_key_chance(2) == 1.0  # a key holds every interval
    chances = [in_key_chance(notes) for notes in (2, 4, 8, 16, 64, 4096)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] == pytest.approx(7 / 12, abs=0.015)
    all_three = np.array(np.meshgrid(*[np.arange(12)] * 3)).reshape(3, -1).T
    assert in_key_chance(3) == pytest.approx(np.mean([key_fit(three) for three in all_three]), abs=0.003)


def test_all_of_a_tuning_is_what_its_parts_are():
    music = tune([60, 62, 63, 69.4, 70])
    found = tuning(music, RATE)
    assert found.in_tune == in_tune(music, RATE) < 1
    assert found.in_key == in_key(music, RATE)
    assert found.in_key_chance == in_key_chance(len(strong_notes(music, RATE)))


def test_a_copy_at_another_level_agrees_and_one_a_semitone_off_does_not():
    music = tune(C_MAJOR)
    assert pitch_agreement(music, 0.1 * music, RATE) == 1.0
    assert chroma_correlation(music, 0.1 * music, RATE) == pytest.approx(1.0)
    sharp = tune(np.array(C_MAJOR) + 1)
    assert pitch_agreement(music, sharp, RATE) < 0.02  # a frame at the seam of two notes
    assert chroma_correlation(music, sharp, RATE) < 0.1


def test_an_octave_keeps_the_chroma_and_not_the_pitch():
    music, above = tune(C_MAJOR), tune(np.array(C_MAJOR) + 12)
    assert pitch_agreement(music, above, RATE) == 0.0
    assert chroma_correlation(music, above, RATE) > 0.8


def test_the_loud_frames_of_the_reference_decide():
    music = tone(69, 4)
    half = np.concatenate([music[: 2 * RATE], np.zeros(2 * RATE)])
    assert pitch_agreement(music, half, RATE) == pytest.approx(0.5, abs=0.04)
    assert pitch_agreement(half, music, RATE) == 1.0
    assert pitch_agreement(music, music[:RATE], RATE) == 1.0  # the longer is cut


@pytest.mark.parametrize("silence", [np.zeros(RATE), np.zeros(0), np.zeros(10)])
def test_silence_is_neither_in_tune_nor_in_key_nor_like_anything(silence):
    assert strongest_partials(silence, RATE)[1].shape == (0,)
    assert in_tune(silence, RATE) == in_key(silence, RATE) == 0.0
    assert pitch_agreement(silence, tone(69), RATE) == chroma_correlation(silence, tone(69), RATE) == 0.0
    assert pitch_agreement(tone(69), np.zeros(RATE), RATE) == chroma_correlation(tone(69), np.zeros(RATE), RATE) == 0.0
