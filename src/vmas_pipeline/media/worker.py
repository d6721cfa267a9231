"""The process in which foreign files are opened.

A file can make FFmpeg crash or hang. It does so here, in a process of its own that holds nothing else: the caller gets
a `MediaError` ("crash", "timeout") and the next call a new process. `multiprocessing` and what is built on it would
import the caller's main module again in each worker, which a script without a main guard does not survive; so the
worker is started as a plain Python that imports this package alone.
"""

import atexit
import functools
import multiprocessing
import os
import queue
import resource
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.limits import Limits

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_MEMORY_BYTES = 16 * 1024**3
"""Address space of a worker: a file that asks for more than this gets an error, and the machine stays usable."""

_START = """\
import sys
sys.path[:] = {path!r}
from vmas_pipeline.media.worker import _serve
_serve({descriptor})
"""

_serving = False
"""Whether this process is a worker."""


def in_worker(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Makes a function of (path, ...) run in a worker process; within one, it runs as it is.

    Its time limit is that of the `Limits` among its arguments, or the default's. Arguments, results and errors travel
    by pickle.

    Raises:
        MediaError: "crash" when the file ends the process, "timeout" when reading it takes too long; and what the
            function raises.
    """

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if _serving:
            return function(*args, **kwargs)
        limits = next((value for value in (*args, *kwargs.values()) if isinstance(value, Limits)), Limits())
        worker = _take()
        result, error = worker.call((call, args, kwargs, Path.cwd()), args[0], limits.timeout_s)
        _idle.append(worker)
        if error is not None:
            raise error
        return result

    return call


class _Worker:
    """A process that answers one call at a time."""

    def __init__(self) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        descriptor = theirs.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path, descriptor=descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what the C library prints when it aborts
            pass_fds=[descriptor],
            start_new_session=True,  # Ctrl-C is the caller's to handle
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def call(self, work: Any, path: Any, timeout_s: float) -> tuple[Any, BaseException | None]:
        """Sends the work and waits for its result or its error; a worker that fails, or that is left, is ended."""
        try:
            self.connection.send(work)
            if not self.connection.poll(timeout_s):
                raise MediaError(
                    "timeout", f"{printable(path)} was being read for more than {timeout_s:g} s: it was given up"
                )
            return self.connection.recv()
        except (EOFError, ConnectionError) as error:
            code = self.end()
            raise MediaError(
                "crash",
                f"{printable(path)} ended the process that read it (status {code}): it is damaged, or of a kind that "
                "FFmpeg does not survive",
            ) from error
        except BaseException:  # also KeyboardInterrupt: the process would go on with the work of a caller who left
            self.end()
            raise

    def end(self) -> int:
        self.connection.close()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(0.2)  # a crashed one has its own status
        self.process.kill()
        return self.process.wait()


_idle: list[_Worker] = []


def _take() -> _Worker:
    """A worker for this call alone: one that waits, or a new one. Threads of a server thus have one each."""
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


def _forget() -> None:
    """After a fork: the parent's workers are the parent's."""
    for worker in _idle:
        worker.connection.close()
    _idle.clear()


@atexit.register
def _end_all() -> None:
    while _idle:
        _idle.pop().end()


os.register_at_fork(after_in_child=_forget)


def _serve(descriptor: int) -> None:
    """What the worker process runs."""
    global _serving
    _serving = True
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    connection = Connection(descriptor)
    work: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, work), daemon=True).start()
    while True:
        function, args, kwargs, directory = work.get()
        os.chdir(directory)  # relative paths are the caller's
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*args, **kwargs), None
        except Exception as error:
            if not isinstance(error, MediaError):  # a fault of ours: say where
                error.add_note(traceback.format_exc())
            answer = None, error
        connection.send(answer)


def _receive(connection: Connection, work: "queue.SimpleQueue[Any]") -> None:
    """Takes calls in, and ends the process with the caller's, also in the middle of a call."""
    while True:
        try:
            work.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)
