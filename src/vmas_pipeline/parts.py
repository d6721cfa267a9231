"""Parts: lists of work that never change, so that what was done for one stays done when the whole grows."""

import json
from collections.abc import Sequence
from pathlib import Path

from vmas_pipeline.media import whole_file


def freeze(folder: Path, names: Sequence[str], size: int) -> dict[int, list[str]]:
    """Give each name its part, for good: a known name stays in its part, new ones fill further parts.

    Two parts of three, then two names more, of which one sorts first, while another is gone:

    >>> freeze(folder, ["b", "c", "d", "e"], 3)
    {0: ['b', 'c', 'd'], 1: ['e']}
    >>> freeze(folder, ["a", "b", "d", "e", "f"], 3)
    {0: ['b', 'd'], 1: ['e'], 2: ['a', 'f']}

    Args:
        folder: holds a file for each part, 000000.json: its names. Without them, all names are new.
        names: without repeats.
        size: of the new parts; the last may be smaller.

    Returns:
        The names of each part, by its number, without those that are gone; parts without any are left out.

    Raises:
        ValueError: a file that is no list of names.
    """
    known = {int(file.stem): _read(file) for file in sorted(folder.glob("[0-9]*.json"))}
    old = {name for part in known.values() for name in part}
    new = [name for name in names if name not in old]
    following = max(known, default=-1) + 1
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, len(new), size), start=following):
        known[number] = new[first : first + size]
        with whole_file(folder / f"{number:06d}.json") as temporary:
            temporary.write_text(json.dumps(known[number], indent=0) + "\n")
    wanted = set(names)
    present = {number: [name for name in part if name in wanted] for number, part in known.items()}
    return {number: part for number, part in present.items() if part}


def _read(file: Path) -> list[str]:
    try:
        names = json.loads(file.read_text())
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file} is no list of names: remove its folder, and all parts are made and computed anew")
    return names
