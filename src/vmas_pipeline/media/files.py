"""Atomic file writes; and file names, which are bytes."""

import os
import shutil
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ADDRESS = "file:"
_LONG_SUFFIX = 20

PARTIAL = ".partial-"
"""Names of files being written begin with this; .dvcignore and `find_sources` leave them out."""

_ABANDONED_S = 3600.0
"""A partial file that nobody has written to for this long was left by a killed process."""


@contextmanager
def whole_file(path: Path, keep: bool = True) -> Iterator[Path]:
    """Yields a temporary name next to `path` to write to, and renames it when the block ends without an error.

    A reader never sees a half-written file, and a killed run leaves nothing under the final name; what it leaves
    under the temporary one, `remove_partial` removes. The temporary name keeps the suffix.

    Args:
        path: the final name.
        keep: False is a dry run: nothing gets the final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix if len(path.suffix) < _LONG_SUFFIX else ""
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}{suffix}")  # the final name may be too long to extend
    try:
        yield temporary
        if keep:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder next to `path` to fill, which replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    replaced = path.with_name(f"{partial.name}.old")
    try:
        partial.mkdir()
        yield partial
        if path.exists():
            path.rename(replaced)
        partial.rename(path)
    finally:
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)


def remove_partial(folder: Path) -> None:
    """Removes the partial files below a folder that killed processes left; recent ones may still be in use."""
    for path in folder.rglob(f"{PARTIAL}*"):
        with suppress(FileNotFoundError):  # its writer has just finished
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def portable(path: Path) -> str:
    """A path for the manifest: relative if below the working directory (the project's root), else absolute.

    Names are bytes. One that is not valid UTF-8, or that looks like a `file:` URL, is written as a percent-encoded
    `file:` URL. `local` converts it back.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as the user set them
    here = Path.cwd()
    text = absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else absolute.as_posix()
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ADDRESS + urllib.parse.quote_from_bytes(os.fsencode(text))
    return _ADDRESS + urllib.parse.quote(text) if text.startswith(_ADDRESS) else text


def local(text: str) -> Path:
    """The path encoded by `portable`."""
    if text.startswith(_ADDRESS):
        return Path(os.fsdecode(urllib.parse.unquote_to_bytes(text.removeprefix(_ADDRESS))))
    return Path(text)
