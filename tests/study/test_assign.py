import random
from collections import Counter

import pytest

from vmas_pipeline.study.assign import Given, assign
from vmas_pipeline.study.items import Item
from vmas_pipeline.study.simulation import simulated_items

PAIRS = simulated_items(50, ("ours", "a", "b", "c"))
CHECKS = [
    Item(
        number=1000 + i,
        is_check=True,
        clip_id=f"check-{i}",
        film=f"check-{i}",
        first="true music",
        second="noise",
        first_media="",
        second_media="",
    )
    for i in range(4)
]


@pytest.fixture(scope="module")
def raters():
    """The trials of 120 raters, one after the other, and how often each item was given."""
    given: dict[int, Given] = {}
    drawn = []
    for rater in range(120):
        trials = assign([*PAIRS, *CHECKS], given, 10, 2, random.Random(rater))
        for trial in trials:
            before = given.get(trial.item, Given())
            given[trial.item] = Given(times=before.times + 1, first_left=before.first_left + trial.first_left)
        drawn.append(trials)
    return drawn, given


def test_all_pairs_are_given_equally_often(raters):
    times = [raters[1][item.number].times for item in PAIRS]
    assert sum(times) == 1200 and max(times) - min(times) <= 2


def test_each_pair_has_each_system_on_each_side_equally_often(raters):
    leanings = [abs(2 * raters[1][item.number].first_left - raters[1][item.number].times) for item in PAIRS]
    assert max(leanings) <= 2 and sum(leanings) / len(leanings) < 1


def test_a_rater_sees_ten_videos_once_each_comparison_and_each_side_alike(raters):
    by_number = {item.number: item for item in PAIRS}
    for trials in raters[0]:
        own = [(by_number[trial.item], trial.first_left) for trial in trials if trial.item in by_number]
        assert len({item.clip_id for item, _ in own}) == len(own) == 10
        assert sorted(Counter(item.systems for item, _ in own).values()) == [3, 3, 4]
        assert sum(left for _, left in own) == 5


def test_checks_are_spread_and_never_the_first(raters):
    places = Counter(i for trials in raters[0] for i, trial in enumerate(trials) if trial.item >= 1000)
    assert sum(places.values()) == 240 and places[0] == 0 and len(places) >= 9
    assert all(sum(trial.item >= 1000 for trial in trials[:7]) >= 1 for trials in raters[0])


def test_order_is_random_and_the_same_for_the_same_seed():
    first, again, other = (assign([*PAIRS, *CHECKS], {}, 10, 2, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
