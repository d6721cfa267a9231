import math
from functools import partial

import pytest
import ray

from vmas_pipeline.scale_out import map_shards, split_into_shards


def double(offset: int, shard: list[int]) -> list[int]:
    if 13 in shard:
        raise ValueError("13 brings bad luck")
    return [2 * number + offset for number in shard]


SHARDS = [[1, 2], [3], [4, 5]]


def test_records_are_cut_into_shards() -> None:
    assert split_into_shards([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert split_into_shards([], 2) == []


def test_inline_gives_results_in_order() -> None:
    assert list(map_shards(partial(double, 1), SHARDS, backend="inline")) == [[3, 5], [7], [9, 11]]


def test_ray_gives_results_in_order_and_hands_errors_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    results = map_shards(math.factorial, [3, 4, 5, -1], workers=2)
    assert [next(results) for _ in range(3)] == [6, 24, 120]
    with pytest.raises(ValueError, match="not defined for negative values"):
        next(results)
    assert list(map_shards(math.factorial, [1, 2, 3, 4, 5], workers=2)) == [1, 2, 6, 24, 120]
    assert ray.is_initialized(), "the next call finds the same workers"


def test_nothing_to_do_starts_nothing() -> None:
    assert list(map_shards(double, [], backend="ray")) == []


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(ValueError, match=r"backend \('dask'\) must be 'ray' or 'inline'"):
        list(map_shards(double, SHARDS, backend="dask"))
