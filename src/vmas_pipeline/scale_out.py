"""Runs one task per shard, on this machine's cores or on a Ray cluster."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, TypeVar

from tqdm import tqdm

Backend = Literal["ray", "inline"]

Shard = TypeVar("Shard")
Result = TypeVar("Result")

_OBJECT_STORE_BYTES = 256 * 1024**2
"""Enough for manifests and reports: tasks read and write their data as files, never through Ray."""

_AHEAD = 16
"""Tasks submitted for each core: a queue that never runs dry and never grows with the data."""


def split_into_shards(records: Sequence[Shard], size: int) -> list[Sequence[Shard]]:
    """Splits records into shards of `size`; the last may be smaller."""
    return [records[first : first + size] for first in range(0, len(records), size)]


def map_shards(
    task: Callable[[Shard], Result],
    shards: Sequence[Shard],
    *,
    backend: Backend = "ray",
    workers: int | None = None,
    description: str = "",
) -> Iterator[Result]:
    """Applies a task to every shard and yields the results in the shards' order, with a progress bar.

    To make a killed run resumable, the task must handle failures of single records itself, write its output atomically
    and return early if the output exists. It runs in one thread; keep models that it needs in a `functools.cache` of
    its module, which lives as long as the worker process.

    Args:
        task: a module-level function, or a `functools.partial` of one.
        shards: its arguments, one at a time; small, because they are sent to workers.
        backend: "ray" uses the cluster at RAY_ADDRESS, or else a local one that ends with this process, so that the
            next call finds workers that have imported what they need; "inline" runs in this process, for tests and
            debugging.
        workers: concurrent tasks; None uses all cores.
        description: label of the progress bar.

    Raises:
        ValueError: an unknown backend. Exceptions from the task propagate.
    """
    if backend == "inline":
        results = map(task, shards)
        yield from tqdm(results, total=len(shards), desc=description, unit="shard", disable=not shards)
    elif backend == "ray":
        yield from _map_on_ray(task, shards, workers, description)
    else:
        raise ValueError(f"backend ({backend!r}) must be 'ray' or 'inline'")


def _map_on_ray(
    task: Callable[[Shard], Result], shards: Sequence[Shard], workers: int | None, description: str
) -> Iterator[Result]:
    if not shards:
        return
    import ray

    _connect()
    remote: Any = ray.remote(num_cpus=1)(_call)
    function, left = ray.put(task), iter(shards)
    most = workers or _AHEAD * int(ray.cluster_resources().get("CPU", 1))
    waiting = deque(remote.remote(function, shard) for shard in islice(left, most))
    for _ in tqdm(shards, desc=description, unit="shard"):
        try:
            result = ray.get(waiting.popleft())
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        waiting.extend(remote.remote(function, shard) for shard in islice(left, 1))
        yield result


def _call(task: Callable[[Shard], Result], shard: Shard) -> Result:
    return task(shard)


def _connect() -> None:
    """Connects to the running Ray, or starts a local one, which Ray itself stops when this process exits."""
    import ray

    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level=logging.ERROR)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=os.cpu_count(),
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        logging_level=logging.ERROR,
    )
