"""The files of the jobs, below the server's folder.

    jobs/<id>/video            what was uploaded
    jobs/<id>/given.npz        tokens of an earlier take, where some of it is kept
    jobs/<id>/analysis.json    what was seen and heard
    jobs/<id>/making-<n>/      attempt n, while it lasts
    jobs/<id>/takes/           the result
    incoming/<id>/video        an upload while it arrives

No name comes from a client.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABANDONED_S = 3600.0
"""An upload that has not grown for so long was left by a killed server."""


class Storage:
    """Where each file of a job is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._jobs, self._incoming = root / "jobs", root / "incoming"
        for folder in (self._jobs, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def queue(self) -> Path:
        return self.root / "queue.sqlite"

    def folder(self, job_id: str) -> Path:
        return self._jobs / job_id

    def video(self, job_id: str) -> Path:
        return self.folder(job_id) / "video"

    def given(self, job_id: str) -> Path:
        return self.folder(job_id) / "given.npz"

    def analysis(self, job_id: str) -> Path:
        return self.folder(job_id) / "analysis.json"

    def takes(self, job_id: str) -> Path:
        return self.folder(job_id) / "takes"

    def making(self, job_id: str, attempt: int) -> Path:
        return self.folder(job_id) / f"making-{attempt}"

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A file for an upload; what is not `keep`t by the end of the block is removed."""
        folder = self._incoming / secrets.token_urlsafe(16)
        folder.mkdir()
        try:
            yield folder / "video"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, video: Path) -> str:
        """Make an upload, or another job's video, the video of a new job, and return its id, which nobody can guess."""
        job_id = secrets.token_urlsafe(16)
        self.folder(job_id).mkdir()
        os.link(video, self.video(job_id))
        return job_id

    def remove(self, job_id: str) -> None:
        """Remove all files of a job."""
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def bytes(self, job_id: str) -> int:
        """What a job takes on the disk."""
        return sum(path.stat().st_size for path in self.folder(job_id).rglob("*") if path.is_file())

    def free_bytes(self) -> int:
        """What is left on the disk."""
        return shutil.disk_usage(self.root).free

    def abandoned(self) -> list[str]:
        """Ids of jobs' folders that are old enough to be in the queue if they are of any."""
        return [folder.name for folder in self._jobs.iterdir() if _age_s(folder) > _ABANDONED_S]

    def sweep_incoming(self) -> None:
        """Remove uploads that killed servers left."""
        for folder in self._incoming.iterdir():
            if min(_age_s(folder), _age_s(folder / "video")) > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # not there yet, or just removed
        return 0.0 if path.suffix else float("inf")
