"""The folder for a server's temporary files. A killed server cannot clear it: the next one does."""

import atexit
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "vmas-serve-"
_LOCK = "in-use.lock"


class Workplace:
    """A folder for all temporary files of this process, locked as long as the process lives."""

    def __init__(self) -> None:
        """Clears the leftovers of servers that have ended, and creates a folder for this one."""
        parent = Path(tempfile.gettempdir())
        for left in parent.glob(f"{_PREFIX}*"):
            _clear(left)
        self.root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = FileLock(self.root / _LOCK)
        self._lock.acquire()
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)

    def folder(self) -> "tempfile.TemporaryDirectory[str]":
        """A folder for one request, removed with it."""
        return tempfile.TemporaryDirectory(dir=self.root)


def _clear(root: Path) -> None:
    """Removes a folder whose owner no longer holds its lock."""
    try:
        with FileLock(root / _LOCK, timeout=0):
            shutil.rmtree(root, ignore_errors=True)
    except (Timeout, OSError):
        return
