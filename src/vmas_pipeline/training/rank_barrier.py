"""Finds out which rank is missing when the others time out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch.distributed as dist

AFTER_A_FAILURE_S = 15.0
"""How long ranks wait for one another to find out who is missing."""


class RankMissing(RuntimeError):
    """A rank has died or is too slow; the message names it."""


class RankBarrier:
    """Synchronises all ranks of a run before each step; all ranks construct it together.

    A collective operation that times out says only that it timed out, and with NCCL not even that. The ranks therefore
    synchronise over gloo, whose barrier names the missing rank.

    Args:
        patience_s: how long to wait for a rank.
    """

    def __init__(self, patience_s: float):
        self.patience_s = patience_s
        self.group = dist.new_group(backend="gloo", timeout=timedelta(seconds=patience_s))

    @contextmanager
    def step(self, step: int) -> Iterator[None]:
        """Wait for all ranks, then run a step; if the step's own communication fails, report who is missing.

        Raises:
            RankMissing: on rank 0 it names the missing ranks.
        """
        self._meet(step, self.patience_s)
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, dist.DistError) or "gloo" in str(error):
                self._meet(step, min(self.patience_s, AFTER_A_FAILURE_S))
            raise

    def _meet(self, step: int, seconds: float) -> None:
        try:
            dist.monitored_barrier(self.group, timedelta(seconds=seconds), wait_all_ranks=True)
        except RuntimeError as error:
            named = re.search(r"[Rr]anks? ([\d, ]+) failed to pass", str(error))
            who = named[1].strip(" ,") if named else ", ".join(map(str, _missing()))
            raise RankMissing(
                f"rank {who} did not come to step {step} within {seconds:g} s: its process or node is gone, or it is "
                "slow (see its output, and train.engine.timeout_s); start the run again and it goes on from its last "
                "checkpoint"
            ) from error


def _missing() -> list[int]:
    """The ranks that do not answer through the rendezvous store: a connection closed during a barrier does not show
    whose it was."""
    store, ranks = dist.distributed_c10d._get_default_store(), range(dist.get_world_size())
    try:
        store.set(f"still here: {dist.get_rank()}", "")
    except RuntimeError:
        return [0]  # its machine hosts the store
    with suppress(RuntimeError):
        store.wait([f"still here: {rank}" for rank in ranks], timedelta(seconds=AFTER_A_FAILURE_S))
    return [rank for rank in ranks if not store.check([f"still here: {rank}"])]
