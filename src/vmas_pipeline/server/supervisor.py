"""Starts the workers, starts them again when they end, and keeps the queue and the disk in order."""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from vmas_pipeline.server.config import ServerConfig
from vmas_pipeline.server.jobs import JobQueue
from vmas_pipeline.server.storage import Storage

TICK_S = 0.25

_EXPIRE_EVERY_S, _TIDY_EVERY_S = 2.0, 30.0
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
"""A worker that lived for so long is started again at once."""

_ASKED_S = 8.0
"""How long workers have to put their jobs back when the server ends."""

_BAD_INPUT = 2


@dataclass
class _Seat:
    """A place for a worker."""

    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = float("-inf")
    pause_s: float = 0.0  # before the next start
    starts: int = 0


class Supervisor:
    """Looks after workers in `tick`, which is called again and again."""

    def __init__(self, config: ServerConfig, queue: JobQueue, storage: Storage) -> None:
        self._config, self._queue, self._storage = config, queue, storage
        self._seats = [_Seat() for _ in range(config.workers)]
        self._tidied_s = self._expired_s = float("-inf")

    def tick(self) -> None:
        """Look once.

        Raises:
            ValueError: a worker cannot begin, since the models are not there; its message.
        """
        now = time.monotonic()
        for seat in self._seats:
            self._look_after(seat, now)
        if now - self._expired_s > _EXPIRE_EVERY_S:
            self._expired_s = now
            self._queue.expire()
        if now - self._tidied_s > _TIDY_EVERY_S:
            self._tidied_s = now
            self.tidy()

    def tidy(self) -> None:
        """Delete jobs that were kept long enough, and files that belong to none."""
        for job_id in self._queue.ended_before(time.time() - self._config.keep_hours * 3600):
            self._queue.delete(job_id)
            self._storage.remove(job_id)
        for job_id in self._storage.abandoned():
            if self._queue.get(job_id) is None:
                self._storage.remove(job_id)
        self._storage.sweep_incoming()

    def stop(self) -> None:
        """End the workers; their jobs are queued again."""
        running = [seat.process for seat in self._seats if seat.process is not None]
        for process in running:
            process.terminate()
        end_s = time.monotonic() + _ASKED_S
        for process in running:
            try:
                process.wait(max(0.0, end_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._queue.bury(_name(process))

    def _look_after(self, seat: _Seat, now: float) -> None:
        if seat.process is not None and (status := seat.process.poll()) is not None:
            self._queue.bury(_name(seat.process))
            complaint, seat.process = _complaint(seat.process), None
            if status == _BAD_INPUT and seat.starts == 1:
                raise ValueError(complaint)
            steady = now - seat.started_s > _STEADY_S
            seat.pause_s = 0.0 if steady else min(_LONGEST_PAUSE_S, 2 * seat.pause_s + 0.5)
            print(
                f"a worker ended with status {status} {complaint}: another starts in {seat.pause_s:g} s",
                file=sys.stderr,
                flush=True,
            )
        if seat.process is None and now - seat.started_s >= seat.pause_s:
            seat.process, seat.started_s, seat.starts = self._start(), now, seat.starts + 1

    def _start(self) -> "subprocess.Popen[bytes]":
        config = replace(self._config, token=None, host="127.0.0.1")  # command lines can be read by all users
        process = subprocess.Popen(
            [sys.executable, "-m", "vmas_pipeline.server.worker", TypeAdapter(ServerConfig).dump_json(config).decode()],
            stdin=subprocess.PIPE,  # ends with this process, however it ends
            stdout=subprocess.PIPE,  # one line, when it cannot begin
            start_new_session=True,  # Ctrl-C is the server's to handle
        )
        self._queue.hello(_name(process), [])
        return process


def _complaint(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    with process.stdout:
        return process.stdout.read().decode(errors="replace").strip()


def _name(process: "subprocess.Popen[bytes]") -> str:
    return f"{socket.gethostname()}:{process.pid}"
