import numpy as np
import pytest
from scipy.stats import norm

from vmas_pipeline.evaluation.bootstrap import bootstrap_mean

VALUES = np.random.default_rng(0).normal(0.5, 0.2, 400)


def test_the_interval_is_that_of_the_normal_approximation():
    interval = bootstrap_mean(VALUES)
    reach = norm.ppf(0.975) * VALUES.std() / np.sqrt(len(VALUES))
    assert interval.mean == pytest.approx(VALUES.mean())
    assert interval.low == pytest.approx(VALUES.mean() - reach, abs=0.1 * reach)
    assert interval.high == pytest.approx(VALUES.mean() + reach, abs=0.1 * reach)


def test_clips_of_one_source_count_as_one():
    alone, fourfold = bootstrap_mean(VALUES), bootstrap_mean(np.repeat(VALUES, 4), groups=np.repeat(np.arange(400), 4))
    assert (fourfold.low, fourfold.high) == pytest.approx((alone.low, alone.high))


def test_is_the_same_again():
    assert bootstrap_mean(VALUES) == bootstrap_mean(VALUES)


def test_refuses_no_values():
    with pytest.raises(ValueError, match=r"values have shape \(0,\) with 0 groups"):
        bootstrap_mean(np.array([]))
