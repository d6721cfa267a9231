import dataclasses

import numpy as np
import pytest

from vmas_pipeline.audio.rhythm import Rhythm
from vmas_pipeline.evaluation.metrics.tempo import compute, tempo_agrees


def test_half_double_third_and_triple_agree_and_others_do_not():
    true = np.full(8, 120.0)
    heard = np.array([120, 60, 240, 40, 360, 90, 180, 0.0])
    assert tempo_agrees(true, heard).tolist() == [True] * 5 + [False] * 3
    assert tempo_agrees(true, heard, (1,)).tolist() == [True] + [False] * 7


@pytest.mark.parametrize(
    ("bpm", "agrees"), [(96, True), (95.9, False), (104, True), (104.1, False), (52, True), (52.1, False)]
)
def test_four_percent_is_the_bound(bpm, agrees):
    assert tempo_agrees(np.array([100.0]), np.array([bpm])).tolist() == [agrees]


def with_tempi(music, tempi):
    heard = [dataclasses.replace(sound, rhythm=Rhythm(tempo_bpm=bpm)) for sound, bpm in zip(music.sounds, tempi)]
    return dataclasses.replace(music, sounds=heard)


def test_one_tempo_for_all_is_chance(measured):
    true = with_tempi(measured.true, [100, 100, 100, 73, 73, 0])
    generated = with_tempi(measured.generated, [100, 50, 70, 73, 0, 100])
    (tempo,) = compute(dataclasses.replace(measured, true=true, codec=true, generated=generated))
    assert tempo.value == 3 / 5 and tempo.levels["exact"] == 2 / 5
    assert tempo.levels["clips"] == 5  # music without a tempo asks for none
    assert tempo.chance == tempo.levels["constant"] == 3 / 5
    assert tempo.ceiling == 1.0


def test_music_without_any_tempo_gives_no_value(measured):
    (tempo,) = compute(dataclasses.replace(measured, true=with_tempi(measured.true, [0] * 6)))
    assert tempo.value is None and "too few" in tempo.note
