"""Tells the changes of jobs to any number of listeners, with one look at the queue for all of them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from vmas_pipeline.server.jobs import Job, State
from vmas_pipeline.server.problems import Problem
from vmas_pipeline.server.views import JobView, Viewer

_LOOK_S = 0.25
_RETRY_S = 10.0


class Watch:
    """Reads the queue while anybody listens."""

    def __init__(self, viewer: Viewer, streams: int) -> None:
        """Begins with no listener.

        Args:
            viewer: reads and shows jobs.
            streams: listeners at most.
        """
        self._viewer, self._streams, self._open = viewer, streams, 0
        self._waiting: list[Job] = []
        self._looked = asyncio.Condition()

    async def run(self) -> None:
        """Look again and again; a task of its own."""
        while True:
            if self._open:
                with suppress(sqlite3.OperationalError):  # the next look may find the queue again
                    self._waiting = await asyncio.to_thread(self._viewer.queue.waiting)
                async with self._looked:
                    self._looked.notify_all()
            await asyncio.sleep(_LOOK_S)

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Count one.

        Raises:
            Problem: 429 when there are too many.
        """
        if self._open >= self._streams:
            raise Problem(429, "streams", f"{self._open} event streams are open: ask for the job itself", _RETRY_S)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def changes(self, job_id: str) -> AsyncIterator[JobView | None]:
        """The job now and after each change, until it has ended; None once it is deleted."""
        before: JobView | None = None
        with self.listener():
            while True:
                view = await asyncio.to_thread(self._see, job_id)
                if view is None or _differs(view, before):
                    yield view
                    before = view
                if view is None or view.state.ended:
                    return
                async with self._looked:
                    await self._looked.wait_for(partial(self._has_news, view))

    def _see(self, job_id: str) -> JobView | None:
        job = self._viewer.queue.get(job_id)
        return None if job is None else self._viewer.view(job)

    def _has_news(self, seen: JobView) -> bool:
        """Whether the rows just read say something else than a view."""
        position = 0
        for job in self._waiting:
            if job.id == seen.id:
                progress = (job.stage, job.done, job.total)
                return job.state is not seen.state or (
                    position != seen.position
                    if job.state is State.QUEUED
                    else seen.progress is None or progress != tuple(seen.progress.model_dump().values())
                )
            position += job.state is State.QUEUED
        return True


def _differs(view: JobView, before: JobView | None) -> bool:
    left = {"time_left_s"}
    return before is None or view.model_dump(exclude=left) != before.model_dump(exclude=left)
