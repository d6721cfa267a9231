"""The queue: one table of jobs in SQLite, which any number of servers and workers may open.

    queued -> running -> done | failed
       \\________\\______> cancelled

A worker claims a job by one atomic statement and holds it by a lease, which its heartbeat renews. Where the lease ends,
since the worker was killed, the job is queued again; a job whose worker was killed twice fails.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

LEASE_S = 15.0
"""A worker that has not been heard of for this long is taken for dead."""

ATTEMPTS = 2
"""A job that kills its worker this often is not tried again."""

_FORMAT = 1
_BUSY_S = 20.0
"""How long a statement waits for another process's."""

_RECENT = 20
"""Finished jobs that the real-time factor is estimated from."""

_KILLED = "the worker that made it ended without a word, twice: the video may need more memory than there is"


class State(StrEnum):
    """Of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row of the table. Times are seconds since 1970."""

    id: str
    client: str  # who sent it: a network address
    name: str  # what the client called the file; shown, never opened
    model: str  # public name
    options: dict[str, Any]
    duration_s: float  # of the video
    width: int
    height: int
    bytes: int  # on the disk, of upload and results
    parent: str | None = None  # the job that this one does again
    take: int | None = None  # of the parent, whose music is kept but for the sections to redo
    state: State = State.QUEUED
    created_s: float = 0.0
    started_s: float | None = None
    ended_s: float | None = None
    stage: str = ""
    done: int = 0  # steps of the stage
    total: int = 0
    worker: str | None = None
    lease_s: float = 0.0  # until when the worker owns it
    attempts: int = 0
    version: str | None = None  # of the model that made it
    reason: str | None = None  # why it failed

    @property
    def work(self) -> float:
        """Seconds of music to make."""
        return self.duration_s * int(self.options.get("candidates") or 1)


_COLUMNS = tuple(field.name for field in fields(Job))

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, client TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, options TEXT NOT NULL,
    duration_s REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
    parent TEXT, take INTEGER,
    state TEXT NOT NULL, created_s REAL NOT NULL, started_s REAL, ended_s REAL,
    stage TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    worker TEXT, lease_s REAL NOT NULL, attempts INTEGER NOT NULL, version TEXT, reason TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_s);
CREATE TABLE IF NOT EXISTS workers (
    name TEXT PRIMARY KEY, seen_s REAL NOT NULL, models TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ended (
    model TEXT NOT NULL, state TEXT NOT NULL, jobs INTEGER NOT NULL, waited_s REAL NOT NULL, worked_s REAL NOT NULL,
    music_s REAL NOT NULL, PRIMARY KEY (model, state)
) STRICT;
"""


class JobQueue:
    """Opens the queue of a folder, and makes it where there is none. Each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file.

        Raises:
            ValueError: it was written by another version.
        """
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        (version,) = self._all("PRAGMA user_version")[0]
        if version not in (0, _FORMAT):
            raise ValueError(f"{path} has format {version}, this version reads {_FORMAT}: give another --folder")
        self._connection.executescript(f"PRAGMA user_version = {_FORMAT};{_SCHEMA}")

    @property
    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            self._local.connection = connection
        return self._local.connection

    def _all(self, sql: str, **values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def _jobs(self, sql: str, **values: Any) -> list[Job]:
        return [_job(row) for row in self._all(sql, **values)]

    # What servers ask

    def add(self, job: Job) -> Job:
        """Put a job at the end of the queue."""
        row = asdict(job) | {"options": json.dumps(job.options), "created_s": time.time(), "state": State.QUEUED}
        places = ", ".join(f":{name}" for name in _COLUMNS)
        return self._jobs(f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({places}) RETURNING {_LIST}", **row)[0]

    def get(self, job_id: str) -> Job | None:
        """The job, if there is one of this id."""
        return next(iter(self._jobs(f"SELECT {_LIST} FROM jobs WHERE id = :id", id=job_id)), None)

    def waiting(self) -> list[Job]:
        """All that run or wait, in the order in which they were and will be taken."""
        return self._jobs(
            f"SELECT {_LIST} FROM jobs WHERE state IN ('running', 'queued') ORDER BY state DESC, created_s"
        )

    def cancel(self, job_id: str) -> bool:
        """End a job that waits or runs; its worker notices at its next heartbeat."""
        return self._end(job_id, State.CANCELLED, "state IN ('queued', 'running')") is not None

    def delete(self, job_id: str) -> bool:
        """Forget a job in any state."""
        return bool(self._all("DELETE FROM jobs WHERE id = :id RETURNING id", id=job_id))

    def real_time_factor(self, model: str) -> float | None:
        """Seconds that a model has lately taken for a second of music; None if it has made none."""
        rows = self._jobs(
            f"SELECT {_LIST} FROM jobs WHERE state = 'done' AND model = :model ORDER BY ended_s DESC LIMIT {_RECENT}",
            model=model,
        )
        worked = sum((job.ended_s or 0.0) - (job.started_s or 0.0) for job in rows)
        return worked / max(sum(job.work for job in rows), 1e-3) if rows else None

    def ended_before(self, time_s: float) -> list[str]:
        """Ids of the jobs that ended before then."""
        return [job_id for (job_id,) in self._all("SELECT id FROM jobs WHERE ended_s < :time_s", time_s=time_s)]

    def disk_bytes(self) -> int:
        """What all jobs take on the disk."""
        return int(self._all("SELECT coalesce(sum(bytes), 0) FROM jobs")[0][0])

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        return {str(state): 0 for state in State} | dict(self._all("SELECT state, count(*) FROM jobs GROUP BY state"))

    def totals(self) -> list[dict[str, Any]]:
        """What ended since the queue was made, by model and state; deleted jobs count."""
        names = ("model", "state", "jobs", "waited_s", "worked_s", "music_s")
        return [dict(zip(names, row)) for row in self._all(f"SELECT {', '.join(names)} FROM ended")]

    def workers(self) -> dict[str, list[dict[str, Any]]]:
        """The models that each living worker holds; of one that is still loading, none."""
        rows = self._all("SELECT name, models FROM workers WHERE seen_s > :time_s", time_s=time.time() - LEASE_S)
        return {name: json.loads(models) for name, models in rows}

    def expire(self) -> None:
        """Take the jobs of workers that are not heard of any more from them."""
        self._all("DELETE FROM workers WHERE seen_s < :time_s", time_s=time.time() - 4 * LEASE_S)
        self._take_from("lease_s < :time_s", time_s=time.time())

    def bury(self, worker: str) -> None:
        """Take its job from a worker that is known to have ended."""
        self._all("DELETE FROM workers WHERE name = :worker", worker=worker)
        self._take_from("worker = :worker", worker=worker)

    def _take_from(self, which: str, **values: Any) -> None:
        lost = self._all(
            f"SELECT id FROM jobs WHERE state = 'running' AND attempts >= {ATTEMPTS} AND {which}", **values
        )
        for (job_id,) in lost:
            self._end(job_id, State.FAILED, f"state = 'running' AND {which}", reason=_KILLED, **values)
        self._all(f"UPDATE jobs SET {_REQUEUED} WHERE state = 'running' AND {which}", **values)

    # What workers ask

    def hello(self, worker: str, models: Iterable[Mapping[str, Any]]) -> None:
        """Say that a worker lives, and which models it holds."""
        self._all(
            "INSERT INTO workers VALUES (:worker, :now, :models) "
            "ON CONFLICT (name) DO UPDATE SET seen_s = :now, models = :models",
            worker=worker,
            now=time.time(),
            models=json.dumps(list(models)),
        )

    def claim(self, worker: str, models: Iterable[str]) -> Job | None:
        """The next job for a worker that holds these models, now its own; None if none waits."""
        now = time.time()
        claimed = self._jobs(
            "UPDATE jobs SET state = 'running', worker = :worker, lease_s = :lease, started_s = :now, "
            "attempts = attempts + 1, stage = 'starting', done = 0, total = 0 "
            "WHERE id = (SELECT id FROM jobs WHERE state = 'queued' AND model IN (SELECT value FROM json_each(:models))"
            f" ORDER BY created_s LIMIT 1) RETURNING {_LIST}",
            worker=worker,
            lease=now + LEASE_S,
            now=now,
            models=json.dumps(list(models)),
        )
        return claimed[0] if claimed else None

    def beat(self, job: Job, stage: str, done: int, total: int) -> bool:
        """Renew the lease and tell the progress; False if the job is no longer the worker's."""
        return bool(
            self._all(
                "UPDATE jobs SET lease_s = :lease, stage = :stage, done = :done, total = :total "
                f"WHERE {_OWNED} RETURNING id",
                lease=time.time() + LEASE_S,
                stage=stage,
                done=done,
                total=total,
                **_owner(job),
            )
        )

    def finish(self, job: Job, version: str | None, bytes_: int) -> bool:
        """A job is done; False if it was no longer the worker's."""
        return self._end(job.id, State.DONE, _OWNED, version=version, bytes=bytes_, **_owner(job)) is not None

    def fail(self, job: Job, reason: str) -> bool:
        """A job cannot be done."""
        return self._end(job.id, State.FAILED, _OWNED, reason=reason, **_owner(job)) is not None

    def give_back(self, job: Job) -> None:
        """Queue a job again whose worker is asked to end; this does not count as an attempt."""
        self._all(f"UPDATE jobs SET {_REQUEUED}, attempts = attempts - 1 WHERE {_OWNED}", **_owner(job))

    def _end(self, job_id: str, state: State, which: str, **values: Any) -> Job | None:
        """End a job and count it, in one transaction."""
        also = "".join(f", {name} = :{name}" for name in ("version", "bytes", "reason") if name in values)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        with connection:  # commits, or rolls back
            ended = self._jobs(
                f"UPDATE jobs SET state = :state, ended_s = :now, worker = NULL{also} WHERE id = :id AND {which} "
                f"RETURNING {_LIST}",
                **(values | {"state": state, "now": time.time(), "id": job_id}),
            )
            for job in ended:
                self._count(job)
        return ended[0] if ended else None

    def _count(self, job: Job) -> None:
        assert job.ended_s is not None
        started_s = job.started_s or job.ended_s
        self._all(
            "INSERT INTO ended VALUES (:model, :state, 1, :waited, :worked, :music) ON CONFLICT DO UPDATE SET "
            "jobs = jobs + 1, waited_s = waited_s + :waited, worked_s = worked_s + :worked, music_s = music_s + :music",
            model=job.model,
            state=job.state,
            waited=started_s - job.created_s,
            worked=job.ended_s - started_s,
            music=job.work,
        )


_LIST = ", ".join(_COLUMNS)
_REQUEUED = "state = 'queued', worker = NULL, started_s = NULL, stage = '', done = 0, total = 0"
_OWNED = "id = :id AND state = 'running' AND worker = :owner AND attempts = :attempt"


def _owner(job: Job) -> dict[str, Any]:
    return {"id": job.id, "owner": job.worker, "attempt": job.attempts}


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(_COLUMNS, row))
    return Job(**values | {"options": json.loads(values["options"]), "state": State(values["state"])})
