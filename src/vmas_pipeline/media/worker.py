"""The process in which foreign files are opened.

A file can make FFmpeg crash or hang. This happens here, in a separate process with no other state: the caller gets a
`MediaError` ("crash", "timeout") and the next call a new process. `multiprocessing` and libraries built on it would
re-import the caller's main module in each worker, which breaks scripts without a main guard. The worker is therefore
started as a plain Python process that imports only this package.
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
"""Address space of a worker: a file that needs more than this fails with an error, and the machine stays usable."""

_START = """\
import sys
sys.path[:] = {path!r}
from vmas_pipeline.media.worker import _serve
_serve({descriptor})
"""

_serving = False
"""Whether this process is a worker."""


def in_worker(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Makes a function of (path, ...) run in a worker process; inside a worker it runs directly.

    Its time limit is that of the `Limits` among its arguments, or the default. Arguments, results and errors are
    pickled.

    Raises:
        MediaError: "crash" when the file crashes the process, "timeout" when reading it takes too long; and whatever
            the function raises.
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
    """A process that handles one call at a time."""

    def __init__(self) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        descriptor = theirs.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path, descriptor=descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # the C library's output when it aborts
            pass_fds=[descriptor],
            start_new_session=True,  # Ctrl-C is the caller's to handle
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def call(self, work: Any, path: Any, timeout_s: float) -> tuple[Any, BaseException | None]:
        """Sends the work and waits for its result or error; a failed or abandoned worker is terminated."""
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
        except BaseException:  # also KeyboardInterrupt: the process would continue without its caller
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
    """A worker for this call only: an idle one, or a new one. Each thread of a server thus has its own."""
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


def _forget() -> None:
    """After a fork: the parent's workers belong to the parent."""
    for worker in _idle:
        worker.connection.close()
    _idle.clear()


@atexit.register
def _end_all() -> None:
    while _idle:
        _idle.pop().end()


os.register_at_fork(after_in_child=_forget)


def _serve(descriptor: int) -> None:
    """Main function of the worker process."""
    global _serving
    _serving = True
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    connection = Connection(descriptor)
    work: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, work), daemon=True).start()
    while True:
        function, args, kwargs, directory = work.get()
        os.chdir(directory)  # the caller's paths may be relative
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*args, **kwargs), None
        except Exception as error:
            if not isinstance(error, MediaError):  # our own bug: add the traceback
                error.add_note(traceback.format_exc())
            answer = None, error
        connection.send(answer)


def _receive(connection: Connection, work: "queue.SimpleQueue[Any]") -> None:
    """Receives calls, and ends the process when the caller's ends, even during a call."""
    while True:
        try:
            work.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)
