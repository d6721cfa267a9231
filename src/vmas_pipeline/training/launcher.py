"""Starts the processes of a training run on this machine, and ensures that none outlives it."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vmas_pipeline.training.config import EngineConfig

PR_SET_PDEATHSIG = 1
GRACE_S = 10


class TrainingFailed(RuntimeError):
    """A rank ended with an error; the message contains it."""


def launch(job: Path, engine: EngineConfig) -> None:
    """Run `training.loop` on a job under torchrun, and wait for it.

    The processes run in their own session, which always ends with this process: on a signal it is asked to stop, then
    killed; if this process is killed outright, the kernel signals torchrun, which stops its workers.

    Args:
        job: a file written by `Job.write`.
        engine: number of processes and threads.

    Raises:
        TrainingFailed: a rank failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        error_file = Path(folder) / "error.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(engine.processes), "-m", "vmas_pipeline.training.loop", str(job)]
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(engine.threads),
                "TORCHELASTIC_ERROR_FILE": str(error_file),
                "TORCH_CPP_LOG_LEVEL": "ERROR",
            },
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        with _stopped_with_us(process):
            status = process.wait()
        if status:
            raise TrainingFailed(f"training ended with status {status}: {_what_failed(error_file)}")


def die_with_parent(by: int = signal.SIGTERM) -> None:
    """Have the kernel signal this process when its parent ends, for whatever reason."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


@contextmanager
def _stopped_with_us(process: subprocess.Popen) -> Iterator[None]:
    """Stop the process's whole session when an exception leaves the block, including one raised by a signal."""
    try:
        yield
    except BaseException:
        process.terminate()  # torchrun forwards it to its workers
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def _what_failed(error_file: Path) -> str:
    """The failing rank's error, as torchrun recorded it."""
    try:
        message = json.loads(error_file.read_text())["message"]
    except (OSError, json.JSONDecodeError, KeyError):
        return "no rank left a message; see the output above"
    if isinstance(message, str):
        return message
    return message["message"] + "\n" + message.get("extraInfo", {}).get("py_callstack", "")
