import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.kad import kernel_distance


def naive(reference, generated):
    """The definition, pair by pair."""
    distances = [np.linalg.norm(a - b) for i, a in enumerate(reference) for b in reference[:i]]
    width = np.sqrt(np.median(np.square(distances)))

    def kernel(a, b):
        return np.exp(-(np.linalg.norm(a - b) ** 2) / (2 * width**2))

    def within(rows):
        n = len(rows)
        return sum(kernel(rows[i], rows[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    across = np.mean([kernel(a, b) for a in reference for b in generated])
    return 100 * (within(reference) + within(generated) - 2 * across)


@pytest.mark.parametrize("shift", [0.0, 0.5, 30.0])
def test_equals_the_definition_pair_by_pair(shift):
    random = np.random.default_rng(0)
    reference, generated = random.standard_normal((9, 4)), random.standard_normal((7, 4)) + shift
    assert kernel_distance(reference, generated) == pytest.approx(naive(reference, generated), rel=1e-9)


def test_its_mean_is_zero_for_one_distribution_however_few_the_clips():
    random = np.random.default_rng(1)
    for count in (5, 40):
        found = [kernel_distance(*random.standard_normal((2, count, 3))) for _ in range(400)]
        assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
        assert min(found) < 0


def test_it_grows_with_the_shift_to_its_bound():
    rows = np.random.default_rng(2).standard_normal((60, 5))
    found = [kernel_distance(rows, rows + shift) for shift in (0.2, 0.5, 1.0, 100.0)]
    assert found == sorted(found)
    alone = kernel_distance(rows, np.zeros((2, 5)) + 100)  # a point far away: only the kernels within the sets are left
    assert alone == pytest.approx(100 * (1 + found[-1] / 200), rel=1e-6)


@pytest.mark.parametrize(
    ("reference", "generated", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), r"reference has shape \(1, 3\)"),
        (np.eye(3), np.eye(4), "reference is 3 wide, generated 4"),
        (np.eye(3), np.full((5, 3), np.inf), "generated has shape .*: give finite"),
        (np.ones((4, 3)), np.eye(3), "reference has equal rows only"),
    ],
)
def test_refuses_what_has_no_distance(reference, generated, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(reference, generated)


def test_the_worlds_music_is_farther_than_other_true_music(results):
    found = results["kad"]
    assert found.ceiling < found.chance and found.value > found.ceiling
