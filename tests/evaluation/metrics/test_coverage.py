import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.coverage import density_and_coverage


def naive(reference, generated, k):
    radii = [sorted(np.linalg.norm(a - b) for b in reference)[k] for a in reference]
    inside = [[np.linalg.norm(x - y) <= r for x, r in zip(reference, radii)] for y in generated]
    return np.sum(inside) / (k * len(generated)), np.mean(np.any(inside, axis=0))


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_equal_the_definitions_clip_by_clip(spread):
    random = np.random.default_rng(0)
    reference, generated = random.standard_normal((20, 3)), spread * random.standard_normal((11, 3))
    assert density_and_coverage(reference, generated, 4) == pytest.approx(naive(reference, generated, 4))


def test_the_same_set_covers_all_and_one_piece_covers_little():
    rows = np.random.default_rng(1).standard_normal((200, 4))
    density, coverage = density_and_coverage(rows, rows)
    assert coverage == 1 and density == pytest.approx(6 / 5, abs=0.01)  # each lies in its own ball too
    density, coverage = density_and_coverage(rows, np.zeros((200, 4)))  # the middle, again and again
    assert density > 1 and coverage < 0.3
    assert density_and_coverage(rows, rows + 1000) == (0, 0)


def test_too_few_clips_are_refused():
    with pytest.raises(ValueError, match="5 reference and 3 generated clips: 6 and 1 are needed"):
        density_and_coverage(np.zeros((5, 2)), np.zeros((3, 2)))


def test_the_worlds_results_have_their_levels(results):
    assert 0 <= results["coverage"].chance <= results["coverage"].ceiling <= 1
    assert results["density"].levels["codec"] >= 0
