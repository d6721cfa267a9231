import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.density import (
    best_constant,
    density_results,
    fitting_share,
    median_density,
    onset_density,
    rank_correlation,
)


def times(*counts):
    return [np.arange(count, dtype=float) for count in counts]


def test_music_of_one_onset_a_peak_reaches_every_ceiling():
    density, fits, correlation = density_results(times(2, 4, 8), times(2, 4, 8))
    assert (density.value, density.ceiling, density.levels["median"], density.position) == (1, 1, 1, None)
    assert (fits.value, fits.ceiling, fits.position) == (1, 1, 1)
    assert (correlation.value, correlation.chance, correlation.ceiling) == (pytest.approx(1), 0, pytest.approx(1))


def test_music_of_one_density_for_all_follows_nothing():
    density, fits, correlation = density_results(times(6, 6, 6), times(2, 4, 12), {"true": times(2, 5, 12)})
    assert density.value == pytest.approx(1.0)
    assert density.levels["median"] == 1.5
    assert density.per_clip["onset_density"].tolist() == [3, 1.5, 0.5]
    assert (fits.value, fits.ceiling) == (0, 1)
    assert (correlation.value, correlation.ceiling) == (0, pytest.approx(1))
    assert density.levels["true"] == density.ceiling == pytest.approx(19 / 18)


def test_a_clip_in_which_nothing_moves_has_no_density_and_fits_silence():
    onsets, peaks = np.array([4, 3]), np.array([4, 0])
    assert median_density(onsets, peaks) == 1.0
    assert fitting_share(onsets, peaks) == 0.5
    assert fitting_share(np.array([4, 0]), peaks) == 1.0
    assert onset_density(onsets, np.array([0, 0])) == 7
    assert np.isnan(density_results(times(4, 3), times(4, 0))[0].per_clip["onset_density"][1])


def test_chance_is_the_best_single_number():
    peaks = np.array([2, 10, 10, 10])
    assert best_constant(peaks) == 0.75
    assert best_constant(np.array([0, 0])) == 1.0  # silence


def test_fewer_onsets_where_there_are_more_peaks_correlate_negatively():
    assert rank_correlation(np.array([9, 5, 1]), np.array([1, 5, 9])) == pytest.approx(-1)


def test_every_clip_has_its_density_in_the_table(results, clips):
    counted = clips["n_onsets_generated"] / clips["n_peaks_prominent"]
    assert clips["onset_density"].tolist() == pytest.approx(counted.tolist())
    assert -1 <= results["onset_correlation"].value <= 1
    assert results["onset_density_fits"].ceiling > 0
