"""`python -m vmas_pipeline.server.worker`: takes jobs from the queue and makes their music, one at a time.

It ends when it is asked to (SIGTERM), and when the server that started it is gone: its standard input ends then. A job
that it has not finished by then is queued again.
"""

import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from vmas_pipeline.server.config import ServerConfig
from vmas_pipeline.server.jobs import Job, JobQueue
from vmas_pipeline.server.storage import Storage

if TYPE_CHECKING:
    from vmas_pipeline.server.models import Models

BEAT_S = 0.4
HELLO_S = 4.0
IDLE_S = 0.15
"""How often the job in hand, the worker itself and the queue are looked after."""

_GRACE_S = 60.0
"""How long after its time limit a job may stay in a step that cannot be interrupted; then the worker ends itself."""


class TakenAway(Exception):
    """The job is no longer this worker's: it was cancelled, deleted or given to another."""


class Stopping(Exception):
    """The worker is asked to end."""


class Heart:
    """Tells the queue, from a thread of its own, that the worker lives and how far its job is."""

    def __init__(self, queue: JobQueue, worker: str, job_s: float) -> None:
        self.stopping = threading.Event()
        self.models: list[dict[str, Any]] = []
        self._queue, self._worker, self._job_s = queue, worker, job_s
        self._job: Job | None = None
        self._progress, self._taken, self._started_s = ("starting", 0, 0), False, 0.0
        threading.Thread(target=self._beat, daemon=True).start()

    def hold(self, job: Job | None) -> None:
        """The job in hand from now on."""
        self._progress, self._taken, self._started_s = ("starting", 0, 0), False, time.monotonic()
        self._job = job

    def stop(self) -> None:
        """End the worker: at once, or, while it has a job, at the job's next step."""
        self.stopping.set()
        if self._job is None:
            os._exit(0)  # also out of imports and loading, which take long

    def progress(self, stage: str, done: int, total: int) -> None:
        """To be called after each step of a job.

        Raises:
            TakenAway, Stopping: the work must end.
            ValueError: it has taken longer than a job may.
        """
        self._progress = (stage, done, total)
        if self._taken:
            raise TakenAway
        if self.stopping.is_set():
            raise Stopping
        if time.monotonic() - self._started_s > self._job_s:
            raise ValueError(self._too_long())

    def _too_long(self) -> str:
        return (
            f"it took longer than the {self._job_s / 60:g} minutes that a job may take: send a shorter video, ask for "
            "fewer takes, or start the server with more --job-minutes"
        )

    def _beat(self) -> None:
        said_s = float("-inf")
        while True:
            now = time.monotonic()
            try:
                if now - said_s > HELLO_S:
                    self.hello()
                    said_s = now
                self._beat_for_job(now)
            except sqlite3.OperationalError as error:  # a full disk, or another process held the lock for very long
                print(f"no heartbeat: {error}", flush=True)
            time.sleep(BEAT_S)

    def _beat_for_job(self, now: float) -> None:
        if (job := self._job) is None or self._taken:
            return
        self._taken = not self._queue.beat(job, *self._progress) and job is self._job
        if now - self._started_s > self._job_s + _GRACE_S:
            self._queue.fail(job, self._too_long())
            os._exit(1)

    def hello(self) -> None:
        """Tell which models are held."""
        self._queue.hello(self._worker, self.models)


class Worker:
    """One process's work."""

    def __init__(self, config: ServerConfig) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.config, self.storage = config, Storage(config.folder)
        self.queue = JobQueue(self.storage.queue)
        self.heart = Heart(self.queue, self.name, config.job_minutes * 60)

    def run(self) -> None:
        """Load the models, then work until asked to end."""
        from vmas_pipeline.server.models import Models

        models = Models(self.config.models)
        self._tell(models)
        while not self.heart.stopping.is_set():
            if models.follow():
                self._tell(models)
            job = self.queue.claim(self.name, models.names)
            if job is None:
                self.heart.stopping.wait(IDLE_S)
            else:
                self._do(job, models)

    def _tell(self, models: "Models") -> None:
        self.heart.models = models.describe()
        self.heart.hello()

    def _do(self, job: Job, models: "Models") -> None:
        self.heart.hold(job)
        try:
            self._make(job, models)
        except TakenAway:
            pass
        except Stopping:
            self.queue.give_back(job)
        except ValueError as error:  # MediaError among them
            self.queue.fail(job, self._anonymous(error, job))
        except Exception:
            traceback.print_exc()
            self.queue.fail(job, "the server made a mistake, which is in its log")
        finally:
            self.heart.hold(None)
            for left in self.storage.folder(job.id).glob("*making-*"):  # of killed workers, too
                shutil.rmtree(left, ignore_errors=True)
            if self.queue.get(job.id) is None:
                self.storage.remove(job.id)

    def _make(self, job: Job, models: "Models") -> None:
        from vmas_pipeline.production import Options, produce
        from vmas_pipeline.server.analysis import analyse_takes, analyse_video, write_analysis

        held, files, progress = models[job.model], self.storage, self.heart.progress
        video, limits = files.video(job.id), self.config.limits
        seen = analyse_video(video, job.duration_s, held.generator.clip, limits, progress)
        write_analysis(seen, files.analysis(job.id))
        making, given = files.making(job.id, job.attempts), files.given(job.id)
        produce(
            video,
            making,
            held.generator,
            Options.of(job.options),
            model_name=held.exact_address,
            music=given if given.is_file() else None,
            progress=progress,
            limits=limits,
        )
        write_analysis(seen.model_copy(update={"takes": analyse_takes(making)}), files.analysis(job.id))
        shutil.rmtree(files.takes(job.id), ignore_errors=True)
        making.rename(files.takes(job.id))
        if not self.queue.finish(job, held.version, files.bytes(job.id)):
            raise TakenAway

    def _anonymous(self, error: ValueError, job: Job) -> str:
        """The message without the server's paths."""
        text = " ".join(str(error).split())
        folder = str(self.storage.making(job.id, job.attempts))
        return text.replace(str(self.storage.video(job.id)), "the video").replace(f"{folder}/", "").replace(folder, "")


def main() -> None:
    """Run a worker. Its argument is a `ServerConfig` as JSON; status 2 and a line on stdout mean bad input."""
    sys.stdout = sys.stderr  # what libraries print goes to the log
    try:
        worker = Worker(TypeAdapter(ServerConfig).validate_json(sys.argv[1]))
        signal.signal(signal.SIGTERM, lambda number, frame: worker.heart.stop())
        threading.Thread(target=_end_with_server, args=(worker,), daemon=True).start()
        worker.run()
    except ValueError as error:
        os.write(1, " ".join(str(error).split()).encode())
        sys.exit(2)


def _end_with_server(worker: Worker) -> None:
    while os.read(0, 1):  # sys.stdin would keep its lock until the process ends
        pass
    worker.heart.stop()


if __name__ == "__main__":
    main()
