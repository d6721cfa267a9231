import dataclasses

import pytest

from vmas_pipeline.audio.key import Key
from vmas_pipeline.evaluation.metrics.key import best_constant, compute, key_score


def key(name: str) -> Key:
    return {
        "C": Key(tonic=0, mode="major"),
        "G": Key(tonic=7, mode="major"),
        "F": Key(tonic=5, mode="major"),
        "a": Key(tonic=9, mode="minor"),
        "c": Key(tonic=0, mode="minor"),
        "e": Key(tonic=4, mode="minor"),
        "d": Key(tonic=2, mode="minor"),
    }[name]


@pytest.mark.parametrize(
    ("true", "heard", "score"),
    [  # MIREX's table, as mir_eval.key.weighted_score reads it: the fifth above, not below
        ("C", "C", 1.0),
        ("C", "G", 0.5),
        ("C", "F", 0.0),
        ("C", "a", 0.3),
        ("a", "C", 0.3),
        ("C", "c", 0.2),
        ("c", "C", 0.2),
        ("a", "e", 0.5),
        ("a", "d", 0.0),
        ("C", "e", 0.0),
        ("G", "e", 0.3),
        ("e", "G", 0.3),
    ],
)
def test_scores_are_mirexs(true, heard, score):
    assert key_score(key(true), key(heard)) == score


def test_no_key_scores_nothing():
    assert key_score(key("C"), None) == 0.0


def test_the_best_single_key_also_earns_from_relatives():
    assert best_constant([key("C"), key("C"), key("a"), key("d")]) == pytest.approx((2 + 0.3) / 4)


def with_keys(music, keys):
    return dataclasses.replace(music, sounds=[dataclasses.replace(s, key=k) for s, k in zip(music.sounds, keys)])


def test_clips_whose_true_music_has_no_key_are_left_out(measured):
    true = with_keys(measured.true, [key("C")] * 3 + [key("a")] * 2 + [None])
    generated = with_keys(measured.generated, [key("C"), key("G"), None, key("C"), key("a"), key("C")])
    (result,) = compute(dataclasses.replace(measured, true=true, codec=true, generated=generated))
    assert result.value == pytest.approx((1 + 0.5 + 0 + 0.3 + 1) / 5)
    assert (result.levels["clips"], result.levels["exact"], result.ceiling) == (5, 0.4, 1.0)
    assert result.chance >= result.levels["constant"] == pytest.approx((3 + 2 * 0.3) / 5)


def test_without_any_key_there_is_no_value(measured):
    (result,) = compute(dataclasses.replace(measured, true=with_keys(measured.true, [None] * 6)))
    assert result.value is None and "too few" in result.note
