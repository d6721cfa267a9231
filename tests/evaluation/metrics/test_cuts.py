import dataclasses

import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.cuts import compute, cut_share


def plain_share(times, cuts, rate) -> float:
    """Cuts in order, each with the earliest free time that is near enough."""
    free, hits = sorted(times), 0
    for cut in sorted(cuts):
        near = [time for time in free if abs(time - cut) <= 1 / rate + 1e-6]
        hits += bool(near)
        free = [time for time in free if not near or time != near[0]]
    return hits / len(cuts)


def test_equals_a_plain_search():
    draw = np.random.default_rng(0)
    for _ in range(200):
        times, cuts = draw.uniform(0, 2, draw.integers(0, 9)), draw.uniform(0, 2, draw.integers(1, 6))
        assert cut_share(times, cuts, 9.6) == pytest.approx(plain_share(times, cuts, 9.6))


@pytest.mark.parametrize("count", [1, 5, 50])
def test_many_notes_at_one_cut_are_one(count):
    assert cut_share(np.full(count, 1.0), [1.0], 9.6) == 1.0
    assert cut_share(np.full(count, 1.0), [1.0, 3.0], 9.6) == 0.5


def test_without_notes_nothing_is_met_and_without_cuts_nothing_is_asked():
    assert cut_share([], [1.0], 9.6) == 0.0
    with pytest.raises(ValueError, match="must hold at least one cut: leave clips without cuts out"):
        cut_share([1.0], [], 9.6)


def with_cuts(measured, cuts):
    found = {result.name: result for result in compute(dataclasses.replace(measured, cuts=cuts))}
    return found["onset_to_cut"], found["downbeat_to_cut"]


def test_cuts_at_the_true_musics_onsets_are_met_by_it(measured):
    onset, downbeat = with_cuts(measured, [times[1:3] for times in measured.true.onsets_s])
    assert onset.ceiling == onset.levels["oracle"] == 1.0
    assert onset.chance == max(onset.levels[name] for name in ("shuffled", "shifted", "random", "metronome")) < 1
    assert set(onset.level_intervals) == set(onset.levels) - {"clips"}
    assert 0 <= downbeat.value <= 1 and downbeat.interval[0] <= downbeat.value <= downbeat.interval[1]


def test_clips_without_cuts_are_left_out_and_counted(measured):
    cuts = [np.array([1.0]) if i < 3 else np.zeros(0) for i in range(6)]
    onset, _ = with_cuts(measured, cuts)
    assert onset.levels["clips"] == 3
    assert "3 cuts of 3 of 6 clips" in onset.measured_with
    assert np.isnan(onset.per_clip["onset_to_cut"]).tolist() == [False] * 3 + [True] * 3


def test_where_no_film_has_cuts_there_is_no_value_and_a_note(measured):
    for result in with_cuts(measured, [np.zeros(0)] * 6):
        assert result.value is None and result.note == "too few of the films have cuts"
