"""Makes a study: finds the systems' music, draws the pairs, and writes database and media. It can be interrupted."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.media import whole_file
from vmas_pipeline.study.config import StudyConfig
from vmas_pipeline.study.excerpts import write_excerpts
from vmas_pipeline.study.items import NOISE, TRUTH, draw_items
from vmas_pipeline.study.store import DATABASE, MEDIA, Store
from vmas_pipeline.systems.recorded import RecordedSystem

if TYPE_CHECKING:
    from pandas import DataFrame


def find_system(text: str, data: Path) -> RecordedSystem:
    """The music that a user means by a name.

    Args:
        text: a system of 05_generated, a variant of an experiment (`nearest_track`, `nearest_track-0`), or a folder of
            `<clip_id>.wav` or `.flac`.
        data: the project's data.

    Raises:
        ValueError: none, or several, are meant; or the folder holds no sound.
    """
    experiments = data / "08_experiments"
    variants = sorted({*experiments.glob(f"*/{text}/generated"), *experiments.glob(f"*/{text}-*/generated")})
    named = [] if "/" in text else [[data / "05_generated" / text], variants]
    groups = [*named, [Path(text) / "generated"], [Path(text)]]
    found = next((there for group in groups if (there := [place for place in group if place.is_dir()])), [])
    if not found:
        raise ValueError(
            f"no music by {text}: give a folder of <clip_id>.wav or .flac, or a name in {data / '05_generated'} "
            f"or {experiments}"
        )
    if len(found) > 1:
        raise ValueError(f"{text} could be {' or '.join(str(place) for place in found)}: give that folder")
    system = RecordedSystem.load(found[0])
    system.name = Path(text).name
    return system


def create_study(
    folder: Path, config: StudyConfig, systems: Sequence[RecordedSystem], clips: "DataFrame", duration_s: float
) -> Store:
    """Make a study, or complete one that was interrupted.

    Args:
        folder: gets study.db and media/.
        config: its size.
        systems: the music to compare.
        clips: rows of the manifest, of which those that all systems hold are used.
        duration_s: length of a clip.

    Raises:
        ValueError: fewer than two systems, or two of one name; too few clips; a folder with another study.
    """
    names = [system.name for system in systems]
    if len(names) < 2 or len(set(names)) < len(names) or {TRUTH, NOISE} & set(names):
        raise ValueError(f"--systems ({', '.join(names)}) must name two or more, each once: A,B or A,B,C")
    about = {
        "config": asdict(config),
        "systems": {system.name: system.revision for system in systems},
        "duration_s": duration_s,
    }
    by_clip: dict[str, dict[Any, Any]] = {row["clip_id"]: row for row in clips.to_dict("records")}
    if (folder / DATABASE).exists():
        store = Store(folder)
        if {key: store.about[key] for key in about} != about:
            raise ValueError(f"{folder} holds a study of other systems or settings: give another NAME, or delete it")
    else:
        rows = [row for clip_id, row in by_clip.items() if all(system.holds(clip_id) for system in systems)]
        salt = secrets.token_hex(16)
        items = draw_items(config, names, rows, salt)
        with whole_file(folder / DATABASE) as temporary:
            Store.create(temporary, {**about, "salt": salt}, items)
        store = Store(folder)
    music = {system.name: system.files for system in systems}
    write_excerpts(folder / MEDIA, list(store.items.values()), by_clip, music, config.lufs)
    return store
