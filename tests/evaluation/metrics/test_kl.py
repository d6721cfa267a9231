import numpy as np
import pytest
from scipy.stats import entropy

from vmas_pipeline.evaluation.metrics.kl import kl_divergence, softmax_of_sigmoids

random = np.random.default_rng(0)
P, Q = random.dirichlet(np.ones(7), 5), random.dirichlet(np.ones(7), 5)


def test_softmax_form_equals_scipys_relative_entropy():
    assert kl_divergence(P, Q) == pytest.approx(np.mean(entropy(P, Q, axis=1)), rel=1e-12)


def test_softmax_form_of_a_known_pair():
    # 1/2 ln(2) + 1/2 ln(2/3)
    assert kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]) == pytest.approx(0.5 * np.log(4 / 3))


def test_sigmoid_form_sums_the_bernoulli_divergences():
    pairs = [entropy([p, 1 - p], [q, 1 - q]) for p, q in zip(P.ravel(), Q.ravel())]
    assert kl_divergence(P, Q, form="sigmoid") == pytest.approx(np.sum(pairs) / len(P), rel=1e-12)


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_is_zero_only_for_equal_rows_and_finite_at_zero(form):
    certain, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert kl_divergence(certain, certain, form) == 0
    assert 20 < kl_divergence(certain, other, form) < 100


def test_is_not_symmetric():
    assert kl_divergence(P, Q) != pytest.approx(kl_divergence(Q, P))


def test_softmax_of_sigmoids_is_the_softmax_of_the_logits():
    from scipy.special import expit, softmax

    logits = random.standard_normal((3, 50)) * 4
    np.testing.assert_allclose(softmax_of_sigmoids(expit(logits)), softmax(logits, axis=1), rtol=1e-9)


@pytest.mark.parametrize(
    ("reference", "generated", "form", "message"),
    [
        (P, Q[:3], "softmax", r"shape \(5, 7\) and generated \(3, 7\): give two of one"),
        (P, Q - 1, "softmax", "generated has values outside 0 to 1"),
        (P, P * 0, "softmax", "row 0 sums to 0"),
        (P, Q, "tanh", "form 'tanh' is unknown: choose 'softmax' or 'sigmoid'"),
    ],
)
def test_refuses_what_has_no_divergence(reference, generated, form, message):
    with pytest.raises(ValueError, match=message):
        kl_divergence(reference, generated, form)


def test_chance_is_the_true_music_of_another_video(results):
    assert results["kl"].chance > 0
    assert ("tells no more" in results["kl"].note) == (results["kl"].value < results["kl"].ceiling)
