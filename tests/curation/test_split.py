from collections import Counter

import pytest
from pydantic import ValidationError

from vmas_pipeline.curation.config import SplitConfig
from vmas_pipeline.curation.split import split_sources

IDS = [f"{number:016x}" for number in range(2_000)]


def test_parts_are_about_as_asked() -> None:
    counts = Counter(split_sources(IDS, SplitConfig()).values())
    assert counts["validation"] == pytest.approx(100, abs=30)
    assert counts["test"] == pytest.approx(300, abs=50)


def test_a_source_keeps_its_split_when_others_come() -> None:
    few, many = split_sources(IDS[:500], SplitConfig()), split_sources(IDS, SplitConfig())
    assert all(many[source] == split for source, split in few.items())


def test_another_seed_splits_differently() -> None:
    first, second = split_sources(IDS, SplitConfig()), split_sources(IDS, SplitConfig(seed=1))
    assert first != second


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_with_few_sources_no_split_stays_empty(start: int) -> None:
    splits = split_sources(IDS[start : start + 4], SplitConfig())
    assert set(splits.values()) == {"train", "validation", "test"}


def test_a_split_of_no_part_stays_empty() -> None:
    splits = split_sources(IDS[:50], SplitConfig(validation=0, test=0))
    assert set(splits.values()) == {"train"}


def test_parts_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ValidationError, match="leave nothing to train on"):
        SplitConfig(validation=0.5, test=0.5)
