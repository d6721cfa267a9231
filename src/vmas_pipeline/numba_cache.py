"""The caches into which numba compiles kernels, one process at a time."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock


def cache_lock(folder: Path) -> FileLock:
    """What a process holds while it compiles the kernels of a source folder, or reads them from their cache.

    numba's cache takes no lock: two processes that fill it at once may store a kernel for the wrong types, and every
    process that reads it then segfaults. The lock lies in the cache itself, since processes that share one need not
    share the folder of temporary files; where it cannot be written, numba keeps a cache of the user's own instead, and
    the lock is among the temporary files.

    Args:
        folder: of the source files.
    """
    cache = Path(os.environ.get("NUMBA_CACHE_DIR") or folder / "__pycache__")
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
    place = cache if os.access(cache, os.W_OK) else Path(tempfile.gettempdir())
    return FileLock(place / f"numba-{os.getuid()}.lock")
