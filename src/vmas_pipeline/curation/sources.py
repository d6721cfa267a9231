"""Finds films in a folder, and what is known about them."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDINGS = frozenset([".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".ogv"])
"""What we take for a film by its name; its content decides later."""

SIDECAR = ".info.json"
"""Follows a film's name without ending, as yt-dlp writes it."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a sidecar says about a film."""

    licence: str  # "unknown" when it does not say
    genre: str | None
    title: str | None
    url: str | None


def find_sources(folder: Path) -> list[Path]:
    """Every film in a folder's tree, sorted by path; hidden files are half-written or none of ours.

    Raises:
        ValueError: there is none.
    """
    films = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith(".")
    ]
    if not films:
        raise ValueError(
            f"{folder} holds no film: put videos there ({', '.join(sorted(ENDINGS))}), or run the pipeline sample_data"
        )
    return films


def fingerprint(path: Path) -> tuple[str, int, int, int]:
    """Changes when the film or its sidecar does, without reading them."""
    sidecar = _sidecar(path)
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, sidecar.stat().st_mtime_ns if sidecar.is_file() else 0


def source_id(path: Path) -> str:
    """Names a film by its content: the first 16 hex digits of its SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def read_about(path: Path) -> About:
    """Reads the sidecar; one that is missing or no JSON object tells nothing."""
    try:
        told = json.loads(_sidecar(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    if not isinstance(told, dict):
        told = {}
    return About(
        licence=_text(told, "license") or "unknown",
        genre=_text(told, "genre"),
        title=_text(told, "title"),
        url=_text(told, "webpage_url"),
    )


def portable(path: Path) -> str:
    """A path as the manifest holds it: relative below the working directory (the project's root), else whole."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as the user set them
    here = Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else absolute.as_posix()


def _sidecar(path: Path) -> Path:
    return path.with_name(path.stem + SIDECAR)


def _text(told: dict[str, Any], key: str) -> str | None:
    value = told.get(key)
    return value.strip() or None if isinstance(value, str) else None
