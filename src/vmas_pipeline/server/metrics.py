"""What Prometheus collects: the queue as it is, all jobs that ended, and this server's requests."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vmas_pipeline.server.jobs import JobQueue

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class QueueCollector:
    """Reads the queue when it is asked: servers on one queue tell the same, and restarts lose nothing."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def describe(self) -> Iterator["Metric"]:
        """Nothing: the registry then does not collect when the collector is registered."""
        return iter(())

    def collect(self) -> Iterator["Metric"]:
        """The metrics now."""
        jobs = GaugeMetricFamily("vmas_jobs", "Jobs in the queue's file", labels=["state"])
        for state, count in self._queue.counts().items():
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily(
            "vmas_workers", "Workers that hold models", sum(map(bool, self._queue.workers().values()))
        )
        yield GaugeMetricFamily("vmas_disk_bytes", "What all jobs take on the disk", self._queue.disk_bytes())
        for column, name, help_text in (
            ("jobs", "vmas_jobs_ended", "Jobs that ended"),
            ("waited_s", "vmas_job_wait_seconds", "Time that they waited"),
            ("worked_s", "vmas_job_work_seconds", "Time that workers spent on them"),
            ("music_s", "vmas_job_music_seconds", "Music that they asked for"),
        ):
            family = CounterMetricFamily(name, help_text, labels=["model", "state"])
            for row in self._queue.totals():
                family.add_metric([row["model"], row["state"]], row[column])
            yield family


class Requests:
    """Middleware: counts and times requests by route."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self._count = Counter("vmas_requests", "Requests", ["method", "route", "status"], registry=registry)
        self._time = Histogram(
            "vmas_request_seconds", "Time to the head of the answer", ["route"], registry=registry, buckets=_SECONDS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE") else "other"
                self._count.labels(method, route, message["status"]).inc()
                self._time.labels(route).observe(time.monotonic() - started_s)
            await send(message)

        await self.app(scope, receive, send_counted)
