"""Loudness, clipping and silence: as made, and matched for everything else."""

import dataclasses

import numpy as np
import pytest

from vmas_pipeline.audio.level import FLOOR_LUFS, Level
from vmas_pipeline.evaluation.measure import matching_gain
from vmas_pipeline.evaluation.metrics import clipping, loudness, silence


def with_levels(music, lufs, clipped=0.0, silent=0.0):
    heard = [
        dataclasses.replace(sound, level=Level(lufs=each, clipped=clipped, silent=silent))
        for sound, each in zip(music.sounds, lufs)
    ]
    return dataclasses.replace(music, sounds=heard)


def test_the_distance_is_clip_by_clip_and_one_loudness_for_all_is_chance(measured):
    true = with_levels(measured.true, [-20, -18, -16, -14, -12, -10])
    generated = with_levels(measured.generated, [-20, -18, -16, -16, -14, FLOOR_LUFS])
    mean, apart = loudness.compute(dataclasses.replace(measured, true=true, codec=true, generated=generated))
    assert mean.value == pytest.approx(np.mean([-20, -18, -16, -16, -14, -70])) and mean.ceiling == -15
    assert apart.value == pytest.approx((2 + 2 + 60) / 6) and apart.chance == 3 and apart.ceiling == 0


def test_clipping_and_silence_count_the_clips(measured):
    generated = with_levels(measured.generated, [-70] * 6, clipped=0.25, silent=1.0)
    changed = dataclasses.replace(measured, generated=generated)
    (clips,), (silent,) = clipping.compute(changed), silence.compute(changed)
    assert clips.value == 0.25 and clips.note == "in 6 of 6 clips"
    assert silent.value == 1.0 and silent.note == "6 of 6 clips are silent throughout"


def test_the_gain_is_one_for_all_clips_that_sound():
    assert matching_gain([-30, -20, FLOOR_LUFS], [-14, -16]) == pytest.approx(10)
    assert matching_gain([FLOOR_LUFS], [-14]) == matching_gain([-14], [FLOOR_LUFS]) == 0.0


def test_music_is_heard_as_loud_as_the_truth_and_reported_as_made(world, config, measured, results):
    matched = world.measure(dataclasses.replace(config, match_loudness=True))
    levels = [[sound.level for sound in music.generated.sounds] for music in (measured, matched)]
    assert levels[0] == levels[1]
    made, true = (np.mean([s.level.lufs for s in music.sounds]) for music in (measured.generated, measured.true))
    assert measured.gain_db == 0.0 and matched.gain_db == pytest.approx(true - made)
    as_made, as_loud = measured.spaces[0], matched.spaces[0]
    assert not np.allclose(as_loud.generated.vectors, as_made.generated.vectors)
    np.testing.assert_array_equal(as_loud.true.vectors, as_made.true.vectors)
    found = loudness.compute(matched)[0]
    assert found.value == results["loudness"].value and f"{matched.gain_db:+.1f} dB" in found.note
