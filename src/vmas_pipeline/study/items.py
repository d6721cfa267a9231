"""What can be rated: pairs of music for one clip, and attention checks; which clips, and under which names."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import Any

from vmas_pipeline.study.config import StudyConfig

TRUTH, NOISE = "true music", "noise"
"""The two sides of an attention check."""

CHECK_CLIPS = 2
"""Different clips of attention checks for each one that a rater gets."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Two pieces of music for one clip, by systems `first` and `second`."""

    number: int
    is_check: bool
    clip_id: str
    film: str
    first: str
    second: str
    first_media: str
    second_media: str

    @property
    def systems(self) -> tuple[str, str]:
        """Which two are compared."""
        return self.first, self.second


def draw_items(
    config: StudyConfig, systems: Sequence[str], clips: Sequence[Mapping[str, Any]], salt: str
) -> list[Item]:
    """The study's pairs, the same videos for every two systems, and its attention checks, from other videos.

    Args:
        config: how many; its seed draws them.
        systems: names; the first is compared with each of the others, or every two.
        clips: rows of the manifest that every system has music for.
        salt: makes the names of the files unguessable.

    Raises:
        ValueError: fewer clips than pairs and checks, or fewer pairs than one rater gets.
    """
    if config.per_rater > config.pairs:
        raise ValueError(f"--per-rater ({config.per_rater}) exceeds --pairs ({config.pairs}): nobody sees one twice")
    checks = CHECK_CLIPS * config.checks
    if len(clips) < config.pairs + checks:
        raise ValueError(
            f"all systems have music for {len(clips)} clips, but {config.pairs} pairs and {checks} clips of attention "
            "checks were asked: give a smaller --pairs or --checks, or generate more"
        )
    drawn = _films_first(clips, random.Random(config.seed))
    compared = list(combinations(systems, 2)) if config.every_two else [(systems[0], other) for other in systems[1:]]
    wanted = [(row, pair, False) for row in drawn[: config.pairs] for pair in compared]
    wanted += [(row, (TRUTH, NOISE), True) for row in drawn[config.pairs : config.pairs + checks]]
    return [
        Item(
            number=number,
            is_check=is_check,
            clip_id=row["clip_id"],
            film=row["source_id"],
            first=first,
            second=second,
            first_media=media_name(salt, row["clip_id"], first),
            second_media=media_name(salt, row["clip_id"], second),
        )
        for number, (row, (first, second), is_check) in enumerate(wanted, 1)
    ]


def media_name(salt: str, clip_id: str, system: str) -> str:
    """A name that tells nothing about the music behind it: 16 hex digits."""
    return hashlib.sha256(f"{salt}\0{clip_id}\0{system}".encode()).hexdigest()[:16]


def _films_first(clips: Sequence[Mapping[str, Any]], rng: random.Random) -> list[Mapping[str, Any]]:
    """The clips in random order, one of each film before a second of any."""
    films: dict[str, list[Mapping[str, Any]]] = {}
    for row in rng.sample(sorted(clips, key=lambda row: row["clip_id"]), len(clips)):
        films.setdefault(row["source_id"], []).append(row)
    return [row for round_ in zip_longest(*films.values()) for row in round_ if row is not None]
