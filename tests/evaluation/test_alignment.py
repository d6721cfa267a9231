import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from vmas_pipeline.evaluation.alignment import mv_align


def test_is_one_when_every_onset_has_its_peak():
    times = np.array([0.5, 1.2, 3.3])
    assert mv_align(times + 0.05, times, 9.6) == 1.0


def test_a_peak_matches_once():
    assert mv_align([1.0, 1.01, 1.02], [1.0], 10) == pytest.approx(1 / 3)


def test_is_intersection_over_union():
    assert mv_align([1.0, 2.0, 9.0], [1.05, 4.0], 10) == pytest.approx(1 / 4)


def test_one_frame_apart_still_matches_and_more_does_not():
    assert mv_align([1.1], [1.0], 10) == 1.0
    assert mv_align([1.11], [1.0], 10) == 0.0


@pytest.mark.parametrize(("onsets", "peaks"), [([], [1.0]), ([1.0], []), ([], [])])
def test_is_zero_when_a_side_has_none(onsets, peaks):
    assert mv_align(onsets, peaks, 9.6) == 0.0


def test_makes_as_many_pairs_as_a_maximum_bipartite_matching():
    random = np.random.default_rng(0)
    for _ in range(200):
        onsets, peaks = random.uniform(0, 3, random.integers(1, 15)), random.uniform(0, 3, random.integers(1, 15))
        near = np.abs(onsets[:, None] - peaks[None]) <= 0.1
        pairs = int((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum())
        assert mv_align(onsets, peaks, 10) == pytest.approx(pairs / (len(onsets) + len(peaks) - pairs))


def test_refuses_a_frame_rate_of_zero_and_times_that_are_none():
    with pytest.raises(ValueError, match=r"frame_rate \(0\) must be positive"):
        mv_align([1.0], [1.0], 0)
    with pytest.raises(ValueError, match="must be finite times"):
        mv_align([np.nan], [1.0], 10)
