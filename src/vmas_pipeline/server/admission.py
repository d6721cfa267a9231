"""Who may bring a job now: bounds on the queue, on each client and on the disk."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from vmas_pipeline.server.config import GIGABYTE, MEGABYTE, ServerConfig
from vmas_pipeline.server.jobs import JobQueue, State
from vmas_pipeline.server.problems import Problem
from vmas_pipeline.server.storage import Storage
from vmas_pipeline.server.upload import too_large

_UNKNOWN_S = 15.0
"""When to ask again while nothing is known about how long jobs take."""

_FREE_BYTES = GIGABYTE // 2
"""Left on the disk for everything else."""


class Admission:
    """Counts the uploads under way, and looks at the queue and the disk."""

    def __init__(self, config: ServerConfig, queue: JobQueue, storage: Storage) -> None:
        self._config, self._queue, self._storage = config, queue, storage
        self._arriving: Counter[str] = Counter()
        self._reserved_bytes = 0

    @contextmanager
    def place(self, client: str, announced_bytes: int | None) -> Iterator[int]:
        """A place for a job of a client while it arrives; yields the bytes that it may have.

        Args:
            client: who asks.
            announced_bytes: of the whole request, where it says so.

        Raises:
            Problem: 413, 429 or 507.
        """
        self._check_queue(client)
        most = self._room(announced_bytes)
        self._arriving[client] += 1
        self._reserved_bytes += most
        try:
            yield most
        finally:
            self._arriving[client] -= 1
            self._reserved_bytes -= most
            self._arriving += Counter()  # drops zeros

    def _check_queue(self, client: str) -> None:
        jobs = self._queue.waiting()
        queued = sum(job.state is State.QUEUED for job in jobs) + self._arriving.total()
        if queued >= self._config.queue:
            wait_s = self._free_in_s(jobs[0].model) if jobs else _UNKNOWN_S
            detail = f"the queue is full ({queued} of {self._config.queue} jobs): ask again later"
            raise Problem(429, "queue-full", detail, wait_s)
        own = [job for job in jobs if job.client == client]
        if len(own) + self._arriving[client] >= self._config.per_client:
            wait_s = self._free_in_s((own or jobs)[0].model) if jobs else _UNKNOWN_S
            detail = f"{self._config.per_client} of your jobs wait or run already: cancel one, or ask again later"
            raise Problem(429, "client-busy", detail, wait_s)

    def _free_in_s(self, model: str) -> float:
        """About how long a job takes."""
        factor = self._queue.real_time_factor(model)
        return _UNKNOWN_S if factor is None else min(600.0, max(1.0, factor * self._config.seconds / 4))

    def _room(self, announced_bytes: int | None) -> int:
        largest = int(self._config.megabytes * MEGABYTE)
        if announced_bytes is not None and announced_bytes > largest + MEGABYTE // 2:  # a form is larger than its file
            raise too_large(largest)
        wanted = largest if announced_bytes is None else min(largest, announced_bytes)
        budget = int(self._config.disk_gigabytes * GIGABYTE) - self._queue.disk_bytes()
        room = min(budget, self._storage.free_bytes() - _FREE_BYTES) - self._reserved_bytes
        if wanted > room:
            detail = f"the server has room for {max(0, room) / 1e6:.0f} MB only: delete jobs that you have taken home"
            raise Problem(507, "disk-full", detail, _UNKNOWN_S * 60)
        return wanted
