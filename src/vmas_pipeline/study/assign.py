"""Which pairs a rater gets, in which order and on which sides."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmas_pipeline.study.items import Item


@dataclass(frozen=True, kw_only=True)
class Given:
    """How often an item was given to earlier raters, and how often with its first system on the left."""

    times: int = 0
    first_left: int = 0


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """One trial of a rater."""

    item: int
    first_left: bool


def assign(
    items: Sequence[Item], given: Mapping[int, Given], pairs: int, checks: int, rng: random.Random
) -> list[Assigned]:
    """A rater's trials in their order.

    The pairs given least so far come first, no video twice, the systems compared as evenly as can be; the first system
    is on the left in half of them, and for each pair on the side where it was less often. Checks are spread over the
    trials, and none is the first.

    Args:
        items: all of the study.
        given: by the item's number; missing ones were not given yet.
        pairs, checks: how many of each.
        rng: the rater's own.
    """
    drawn = _draw([item for item in items if not item.is_check], given, pairs, rng)
    trials = _sides(drawn, given, rng)
    rng.shuffle(trials)
    extra = _sides(_draw([item for item in items if item.is_check], given, checks, rng), given, rng)
    share = len(trials) / max(len(extra), 1)
    for number, check in reversed(list(enumerate(extra))):
        place = max(1, round(share * (number + rng.random())))
        trials.insert(place, check)
    return trials


def _draw(items: Sequence[Item], given: Mapping[int, Given], count: int, rng: random.Random) -> list[Item]:
    """The least given ones, of different clips; ties are drawn."""
    waiting, drawn, compared = rng.sample(items, len(items)), list[Item](), Counter[tuple[str, str]]()
    while waiting and len(drawn) < count:
        least = min(waiting, key=lambda item: (compared[item.systems], given.get(item.number, Given()).times))
        drawn.append(least)
        compared[least.systems] += 1
        waiting = [item for item in waiting if item.clip_id != least.clip_id]
    return drawn


def _sides(items: Sequence[Item], given: Mapping[int, Given], rng: random.Random) -> list[Assigned]:
    """Half of the items with their first system on the left: those in which it was there least."""

    def leaning(item: Item) -> int:
        before = given.get(item.number, Given())
        return 2 * before.first_left - before.times

    ordered = sorted(rng.sample(items, len(items)), key=leaning)
    half = (len(ordered) + rng.randrange(2)) // 2
    return [Assigned(item=item.number, first_left=i < half) for i, item in enumerate(ordered)]
