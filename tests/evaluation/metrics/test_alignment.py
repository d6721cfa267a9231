import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.evaluation.metrics.alignment import (
    SHIFTS,
    best_metronome,
    blind_scores,
    other_sources,
    rate_matched,
)
from vmas_pipeline.features.peaks import flow_peaks


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


def test_the_true_music_fits_its_picture_and_untrained_music_does_not(results):
    assert results["mv_align"].ceiling > 0.6
    assert results["mv_align"].value < 0.5


def test_alignment_is_the_mean_of_the_clips_own(results, clips, measured):
    rate = measured.frame_rate
    expected = [mv_align(o, flow_peaks(f, rate), rate) for o, f in zip(measured.true.onsets_s, measured.flow)]
    assert clips["mv_align_true"].tolist() == pytest.approx(expected)
    assert results["mv_align"].ceiling == pytest.approx(np.mean(expected))


def test_chance_is_the_best_of_the_blind_levels(results):
    for name in ("mv_align", "mv_align_local_maximum"):
        levels = results[name].levels
        assert results[name].chance == max(levels[blind] for blind in ("shuffled", "shifted", "random", "metronome"))


def test_every_level_has_its_interval_over_the_films(results):
    result = results["mv_align"]
    assert set(result.level_intervals) == set(result.levels)
    for name, (low, high) in result.level_intervals.items():
        assert low <= result.levels[name] <= high


def plain_mv_align(onsets, peaks, rate) -> float:
    """By the largest number of pairs among all ways to pair, without any order."""
    near = [[j for j, peak in enumerate(peaks) if abs(onset - peak) <= 1 / rate + 1e-6] for onset in onsets]

    def most(i: int, taken: frozenset) -> int:
        if i == len(near):
            return 0
        return max(most(i + 1, taken), *(1 + most(i + 1, taken | {j}) for j in near[i] if j not in taken), 0)

    pairs = most(0, frozenset())
    return pairs / (len(onsets) + len(peaks) - pairs) if pairs else 0.0


@pytest.mark.parametrize("rate", [4.0, 9.6, 30.0])
def test_equals_a_plain_search_over_all_pairings(rate):
    random = np.random.default_rng(int(rate))
    for _ in range(60):
        onsets, peaks = random.uniform(0, 2, random.integers(0, 7)), random.uniform(0, 2, random.integers(0, 7))
        score = mv_align(onsets, peaks, rate)
        assert 0 <= score <= 1
        assert score == pytest.approx(plain_mv_align(onsets, peaks, rate))


@pytest.mark.parametrize("count", [1, 2, 10, 100])
def test_many_onsets_at_one_peak_never_score_above_one(count):
    assert mv_align(np.full(count, 1.0), [1.0], 9.6) == 1 / count


def test_equal_sets_score_one_at_any_order():
    times = np.random.default_rng(0).permutation(np.arange(0, 5, 0.05))
    assert mv_align(times, times, 9.6) == mv_align(times, times[::-1], 9.6) == 1.0


def test_music_shifted_in_time_goes_around_the_end():
    peaks = [np.array([0.5]), np.array([0.5])]
    onsets = [peaks[0] + 5 * (1 - SHIFTS[2]), np.zeros(0)]  # on the peak again once it is shifted by the third
    blind = rate_matched(lambda a, b: mv_align(a, b, 10.0), onsets, peaks, ["a", "b"], 5.0)
    assert blind["shifted"].tolist() == pytest.approx([1 / len(SHIFTS), 0])


def test_music_that_follows_the_picture_falls_to_chance_when_it_is_shifted():
    draw = np.random.default_rng(3)
    peaks = [np.sort(draw.uniform(0, 5, 6)) for _ in range(40)]
    blind, _ = blind_scores(peaks, peaks, [f"film {i}" for i in range(40)], 5.0, 10.0)
    assert abs(blind["shifted"].mean() - blind["random"].mean()) < 0.04
    assert abs(blind["shuffled"].mean() - blind["random"].mean()) < 0.04


def test_an_oracle_scores_one_wherever_something_moves(results, measured):
    peaks = [flow_peaks(flow, measured.frame_rate) for flow in measured.flow]
    assert results["mv_align"].levels["oracle"] == np.mean([len(each) > 0 for each in peaks])


def test_a_metronome_finds_the_beat_that_all_videos_share():
    peaks = [np.arange(start, 5, 0.5) for start in (0.25, 0.25, 0.27)]
    period, scores = best_metronome(peaks, 5.0, 10.0)
    assert period == pytest.approx(0.5)
    assert scores.min() > 0.9


def test_a_metronome_under_peaks_of_no_common_beat_scores_low():
    draw = np.random.default_rng(1)
    peaks = [np.sort(draw.uniform(0, 5, 4)) for _ in range(40)]
    assert best_metronome(peaks, 5.0, 10.0)[1].mean() < 0.4


def test_a_shuffled_pairing_never_pairs_clips_of_one_source():
    sources = ["a", "a", "b", "c", "c", "c"]
    for own, others in zip(sources, other_sources(sources, 2)):
        assert len(others) == 2
        assert own not in {sources[other] for other in others}
    with pytest.raises(ValueError, match="all clips are of source a: a shuffled pairing needs two"):
        other_sources(["a", "a"], 2)
