import numpy as np
import pytest
from scipy.linalg import sqrtm

from vmas_pipeline.evaluation.metrics.frechet import extrapolated_distance, frechet_distance


def with_moments(mean, covariance, count=400):
    """Rows whose sample mean and unbiased covariance are exactly those given."""
    rows = np.random.default_rng(3).standard_normal((count, len(mean)))
    rows -= rows.mean(axis=0)
    whitened = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T)).T)
    return whitened @ np.linalg.cholesky(covariance).T + mean


def test_equals_the_closed_form_for_known_gaussians():
    reference = with_moments([1.0, 2.0, 3.0], np.diag([1.0, 4.0, 9.0]))
    generated = with_moments([0.0, 2.0, 5.0], np.diag([4.0, 1.0, 9.0]), count=77)
    # |m|^2 = 1 + 0 + 4; the traces (1-2)^2 + (2-1)^2 + (3-3)^2
    assert frechet_distance(reference, generated) == pytest.approx(7.0, abs=1e-9)


def test_equals_scipys_matrix_square_root_on_correlated_sets():
    random = np.random.default_rng(0)
    reference = random.standard_normal((300, 12)) @ random.standard_normal((12, 12))
    generated = random.standard_normal((200, 12)) @ random.standard_normal((12, 12)) + 0.3
    cov1, cov2 = np.cov(reference.T), np.cov(generated.T)
    shift = reference.mean(0) - generated.mean(0)
    expected = shift @ shift + np.trace(cov1 + cov2 - 2 * sqrtm(cov1 @ cov2).real)
    assert frechet_distance(reference, generated) == pytest.approx(expected, rel=1e-8)


def test_is_zero_for_the_same_set_even_when_smaller_than_its_width():
    rows = np.random.default_rng(1).standard_normal((20, 200)).astype(np.float32)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)


def test_is_symmetric_and_not_negative():
    random = np.random.default_rng(2)
    first, second = random.standard_normal((30, 50)), random.standard_normal((70, 50)) * 2
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))
    assert frechet_distance(first, second) > 0


@pytest.mark.parametrize(
    ("reference", "generated", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), r"reference has shape \(1, 3\): give \[clips, width\] with at least two"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "reference is 3 wide, generated 4: use one embedding"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), "generated has 15 values that are not finite"),
    ],
)
def test_refuses_what_has_no_distance(reference, generated, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(reference, generated)


def test_chance_is_the_best_single_track_and_the_ceiling_other_true_music(results, measured):
    space = measured.spaces[0]
    reference, training = space.true.vectors.astype(float), space.training.vectors.astype(float)
    spread = np.trace(np.cov(reference.T))
    blind = min(np.square(track - reference.mean(0)).sum() + spread for track in training)
    assert results["fad"].chance == pytest.approx(blind, rel=1e-6)
    assert results["fad"].ceiling == pytest.approx(frechet_distance(reference, training))


def test_the_extrapolation_removes_the_bias_of_few_clips():
    """Two Gaussians of one covariance, their means 1 apart: 1, where 300 clips of 64 dimensions give much more."""
    random = np.random.default_rng(5)
    reference = random.standard_normal((20_000, 64))
    generated = random.standard_normal((300, 64)) + np.eye(64)[0]
    plain, (endless, fit) = frechet_distance(reference, generated), extrapolated_distance(reference, generated)
    assert plain > 3 and abs(endless - 1) < 0.3 * (plain - 1) and fit > 0.9
    assert extrapolated_distance(reference, generated[:3])[1] == 0
