"""Writes synthetic music videos as ordinary files, each with its ground truth next to it."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.media import whole_file, write_video
from vmas_pipeline.sample_data.config import SampleDataConfig
from vmas_pipeline.sample_data.flaws import FLAWS, spoil_content, spoil_file
from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.midi import write_midi
from vmas_pipeline.sample_data.picture import choose_frame_rate
from vmas_pipeline.sample_data.synthesis import Synthetic, synthesise
from vmas_pipeline.scale_out import map_shards, split_into_shards

LICENCE = "CC0-1.0 (synthetic)"
"""Of videos that contain nobody's photograph."""

CRF = (16, 31)
"""Range of the compression, from clean to visibly blocky."""

_MADE_BY = 4
"""Incremented when the same settings would give different videos: old ones are then regenerated."""


_FLAWED_FROM = 1_000_000
"""Numbers of flawed videos start here, far from those of flawless ones."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """One video to write."""

    name: str  # without suffix
    number: int  # determines its seed and genre
    flaw: str | None  # None: a flawless video


def write_sample_data(config: SampleDataConfig, folder: Path) -> Path:
    """Writes the videos, their scores (`NAME.mid`) and their sidecars (`NAME.info.json`, as yt-dlp names them).

    Existing videos with the same settings are left untouched, so a killed run resumes; videos with other settings are
    replaced or removed. A sidecar is written last: a video without one is incomplete.

    Args:
        config: how many, and how to generate them.
        folder: contains nothing else.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    films, recipe = list(_planned(config)), _recipe(config)
    _remove_others(folder, {film.name for film in films})
    missing = [film for film in films if not _is_written(folder, film, recipe)]
    shards = split_into_shards([film for film in missing if film.flaw != "duplicate"], config.films_per_shard)
    task = partial(_write_films, config, folder)
    for _ in map_shards(task, shards, backend=config.backend, workers=config.workers, description="sample data"):
        pass
    for film in missing:
        if film.flaw == "duplicate":
            _copy_film(folder, film)
    return folder


def _planned(config: SampleDataConfig) -> Iterator[Film]:
    """Flawless videos first, also in name order: of two equal files, curation keeps the first."""
    for number in range(config.videos):
        yield Film(name=f"{number:06d}", number=number, flaw=None)
    for kind, flaw in enumerate(FLAWS):
        for index in range(config.flawed):
            number = index if flaw == "duplicate" else _FLAWED_FROM + 1_000 * kind + index
            if flaw != "duplicate" or number < config.videos:
                yield Film(name=f"flawed-{flaw}-{index:03d}", number=number, flaw=flaw)


def _recipe(config: SampleDataConfig) -> str:
    """Everything that determines a video's content, besides its number and flaw."""
    parts = (_MADE_BY, config.seed, config.duration_s, config.frame_rate, config.size, config.sample_rate)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _write_films(config: SampleDataConfig, folder: Path, films: list[Film]) -> int:
    for film in films:
        _write_film(config, folder, film)
    return len(films)


def _write_film(config: SampleDataConfig, folder: Path, film: Film) -> None:
    seed = config.seed * 1_000_000_007 + film.number
    stock = np.random.default_rng([seed, 4])
    frame_rate, crf = config.frame_rate or choose_frame_rate(stock), int(stock.integers(*CRF))
    content = synthesise(
        seed,
        GENRES[film.number % len(GENRES)],
        duration_s=config.duration_s,
        frame_rate=frame_rate,
        size=config.size,
        sample_rate=config.sample_rate,
    )
    if film.flaw:
        content = spoil_content(film.flaw, content, frame_rate, config.sample_rate, seed)
    with whole_file(folder / f"{film.name}.mp4") as path:
        waveform = None if film.flaw == "no_audio" else content.waveform[None]
        write_video(
            path,
            content.frames,
            frame_rate,
            waveform,
            config.sample_rate,
            crf=crf,
            preset="ultrafast",
            lossless_sound=True,
        )
        if film.flaw:
            spoil_file(film.flaw, path, seed)
    with whole_file(folder / f"{film.name}.mid") as path:
        write_midi(content.score, path)
    with whole_file(folder / f"{film.name}.info.json") as path:
        path.write_text(json.dumps(_sidecar(film, content, _recipe(config)), indent=1), encoding="utf-8")


def _copy_film(folder: Path, film: Film) -> None:
    """Writes a duplicate: the same bytes as the flawless video of its number, with a sidecar that says so."""
    original = f"{film.number:06d}"
    for suffix in (".mp4", ".mid"):
        with whole_file(folder / f"{film.name}{suffix}") as path:
            shutil.copyfile(folder / f"{original}{suffix}", path)
    told = json.loads((folder / f"{original}.info.json").read_text(encoding="utf-8"))
    told["synthetic"]["flaw"] = film.flaw
    with whole_file(folder / f"{film.name}.info.json") as path:
        path.write_text(json.dumps(told, indent=1), encoding="utf-8")


def _sidecar(film: Film, content: Synthetic, recipe: str) -> dict[str, Any]:
    return {
        "title": f"Synthetic {content.genre} {film.number}",
        "genre": content.genre,
        "license": _licence(content),
        "description": content.description,
        "synthetic": {
            "recipe": recipe,
            "flaw": film.flaw,
            "key": content.score.key.name,
            "tempo": round(60 / content.score.beat_s, 2),
            "metre": f"{content.score.beats_per_bar}/4",
            "chords": [[round(chord.start_s, 4), chord.harmony.name] for chord in content.score.chords],
            "beats_s": content.beats_s.round(4).tolist(),
            "events_s": content.events_s.round(4).tolist(),
            "audio_events_s": content.audio_events_s.round(4).tolist(),
            "video_events_s": content.video_events_s.round(4).tolist(),
        },
    }


def _licence(content: Synthetic) -> str:
    """CC0, or the licence of the photographs in the picture with their authors' names."""
    if not content.photographs:
        return LICENCE
    licences = sorted({each.licence for each in content.photographs})
    return f"{', '.join(licences)} (synthetic, with photographs by {', '.join(p.author for p in content.photographs)})"


def _is_written(folder: Path, film: Film, recipe: str) -> bool:
    sidecar = folder / f"{film.name}.info.json"
    if not all(path.is_file() for path in (sidecar, folder / f"{film.name}.mp4", folder / f"{film.name}.mid")):
        return False
    return bool(json.loads(sidecar.read_text(encoding="utf-8"))["synthetic"]["recipe"] == recipe)


def _remove_others(folder: Path, names: set[str]) -> None:
    """Removes videos left over from other settings."""
    for sidecar in folder.glob("*.info.json"):
        name = sidecar.name.removesuffix(".info.json")
        if name not in names and "synthetic" in json.loads(sidecar.read_text(encoding="utf-8")):
            for suffix in (".mp4", ".mid"):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
            sidecar.unlink()
