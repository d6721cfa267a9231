import sys

import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.mad import mauve, mauve_divergence


@pytest.fixture(scope="module")
def original():
    """The authors' package, without transformers, which it imports for texts alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "transformers", None)
        yield pytest.importorskip("mauve.compute_mauve")


def test_the_area_is_the_authors(original):
    from sklearn.metrics import auc

    random = np.random.default_rng(0)
    for concentration in (0.1, 1.0):
        p, q = random.dirichlet(np.full(9, concentration)), random.dirichlet(np.ones(9))
        q[0], q = 0, q / (1 - q[0])  # a cluster that the other lacks
        x, y = original.get_divergence_curve_for_multinomials(p, q, np.linspace(1e-6, 1 - 1e-6, 25), 5).T
        by_x, by_y = np.argsort(x), np.argsort(y)
        expected = (auc(x[by_x], y[by_x]) + auc(y[by_y], x[by_y])) / 2
        assert mauve(p, q) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sizes", [(30, 30), (41, 28), (2, 1)])
def test_equals_the_authors_package_where_the_clusters_are_plain(original, sizes):
    random = np.random.default_rng(1)
    shares = ([0.6, 0.3, 0.1], [0.2, 0.3, 0.5])
    sets = [
        20 * np.eye(3, 8)[random.choice(3, size, p=p)] + 0.1 * random.standard_normal((size, 8))
        for size, p in zip(sizes, shares)
    ]
    expected = -np.log(original.compute_mauve(*sets).mauve)
    assert mauve_divergence(*sets) == pytest.approx(expected, rel=1e-6)


def test_is_zero_for_the_same_set_and_grows_to_its_bound():
    rows = np.random.default_rng(2).standard_normal((80, 6))
    assert mauve_divergence(rows, rows) == pytest.approx(0, abs=1e-12)
    apart = -np.log(mauve(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    found = [mauve_divergence(rows + shift * np.eye(6)[0], rows - shift * np.eye(6)[0]) for shift in (0.2, 0.8, 50.0)]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(apart) and apart == pytest.approx(5.5, abs=0.01)


def test_a_set_of_one_row_again_and_again_has_no_spread_to_cluster():
    assert mauve_divergence(np.ones((20, 3)), np.ones((20, 3))) == 0
    assert mauve_divergence(np.zeros((3, 4)), np.zeros((2, 4))) == 0
    assert mauve_divergence(np.eye(3)[:1], np.eye(3)[1:2]) > 5


@pytest.mark.parametrize(
    ("reference", "generated", "message"),
    [
        (np.zeros((0, 3)), np.zeros((5, 3)), r"reference has shape \(0, 3\)"),
        (np.eye(3), np.eye(4), "reference is 3 wide, generated 4"),
        (np.eye(3), np.full((5, 3), np.nan), "generated has shape .*: give finite"),
    ],
)
def test_refuses_what_has_no_divergence(reference, generated, message):
    with pytest.raises(ValueError, match=message):
        mauve_divergence(reference, generated)


def test_every_embedding_has_the_distances_and_the_first_keeps_their_names(results):
    for name in ("fad", "fad_inf", "kad", "mad", "density", "coverage", "kl", "kl_sigmoid"):
        assert "musicnn (MTT)" in results[name].measured_with
        assert "musicnn (MSD)" in results[f"{name}_msd_musicnn"].measured_with
        assert results[f"{name}_msd_musicnn"].title == f"{results[name].title}, msd musicnn"
