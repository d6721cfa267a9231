"""Finds videos in a folder, and what is known about them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmas_pipeline.media import portable

SIDECAR = ".info.json"
"""Follows a video's name without suffix, as yt-dlp writes it."""

SCORE = ".mid"
"""Follows the name of a video whose notes are known, as the synthetic ones' are."""


@dataclass(frozen=True, kw_only=True)
class About:
    """Metadata of a video from its sidecar."""

    licence: str  # "unknown" when it does not say
    genre: str | None
    title: str | None
    url: str | None
    address: str | None
    """What names the video wherever its file comes from: the site with its id there, else the url."""


def find_sources(folder: Path) -> list[Path]:
    """Every file in a folder's tree, sorted by path: the demuxer decides what is a video, not the name.

    Left out are sidecars, scores and hidden files, which are half-written or none of ours. Links that lead nowhere stay
    in, to be refused with their reason.

    Raises:
        ValueError: there is none.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and not path.is_dir()
        and not path.name.startswith(".")
        and not path.name.endswith((SIDECAR, SCORE))
    ]
    if not files:
        raise ValueError(f"{folder} contains no video: put videos there, or run the pipeline sample_data")
    return files


def file_state(path: Path) -> tuple[str, int, int, int]:
    """Changes when the video or its sidecar does, without reading them."""
    size, modified = _status(path)
    return portable(path), size, modified, _status(_sidecar(path))[1]


def _status(path: Path) -> tuple[int, int]:
    """Size and time of change; zeros where there is no such file, or its name would be too long to be one."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def source_id(path: Path) -> str:
    """Identifies a video by its content: the first 16 hex digits of its SHA-256."""
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
    url, site, own_id = (_text(told, key) for key in ("webpage_url", "extractor_key", "id"))
    return About(
        licence=_text(told, "license") or "unknown",
        genre=_text(told, "genre"),
        title=_text(told, "title"),
        url=url,
        address=f"{site}:{own_id}" if site and own_id else url,
    )


def _sidecar(path: Path) -> Path:
    return path.with_name(path.stem + SIDECAR)


def _text(told: dict[str, Any], key: str) -> str | None:
    value = told.get(key)
    return value.strip() or None if isinstance(value, str) else None
