"""Folders as catalog entries: a stage fills one, the next stage reads it."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError
from upath import UPath

from vmas_pipeline.features.shards import Folder


class FolderDataset(AbstractDataset[Folder, Folder]):
    """A folder that a node fills in place.

    The node gets the folder's path from a `FolderLocation` with the same path and returns it once the folder is filled.

    Args:
        filepath: The folder, on this machine or at a URL that fsspec reads (s3://bucket/features).
        holds: Glob pattern of what a complete folder contains: "model.safetensors".
    """

    def __init__(self, filepath: str, holds: str) -> None:
        self._path = UPath(filepath)
        self._holds = holds

    def load(self) -> Folder:
        if not self._exists():
            raise DatasetError(f"{self._path} holds no {self._holds}: run the pipeline that fills it")
        return self._path

    def save(self, data: Folder) -> None:
        if data != self._path or not self._exists():
            raise DatasetError(f"{self._path} holds no {self._holds}, although its node ended and returned {data}")

    def _exists(self) -> bool:
        return any(self._path.glob(self._holds))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "holds": self._holds}


class FolderLocation(AbstractDataset[None, Folder]):
    """Where a node should write its results; the folder need not exist yet."""

    def __init__(self, filepath: str) -> None:
        self._path = UPath(filepath)

    def load(self) -> Folder:
        return self._path

    def save(self, data: None) -> None:
        raise DatasetError(f"{self._path} is a location: it is only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
