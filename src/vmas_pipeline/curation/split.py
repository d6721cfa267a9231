"""Splits sources into train, validation and test."""

import hashlib
from collections.abc import Iterable

from vmas_pipeline.curation.config import SplitConfig

SPLITS = ("train", "validation", "test")


def split_sources(source_ids: Iterable[str], config: SplitConfig) -> dict[str, str]:
    """Gives every source a split by its id alone, so that it stays there when others come or go.

    Only where a split that is asked for would stay empty, as with few films, the source nearest to it moves there.

    Args:
        source_ids: hexadecimal ids, repeats allowed.
        config: parts and seed.

    Returns:
        split of each source id.
    """
    places = {source: _place(source, config.seed) for source in sorted(set(source_ids))}
    splits = {source: _split(place, config) for source, place in places.items()}
    for split, part, middle in (
        ("test", config.test, config.test / 2),
        ("validation", config.validation, config.test + config.validation / 2),
    ):
        distances = {abs(places[source] - middle): source for source in splits if splits[source] == "train"}
        if part and split not in splits.values() and len(distances) > 1:
            splits[distances[min(distances)]] = split
    return splits


def _place(source: str, seed: int) -> float:
    """A source's place in [0, 1), even over all sources."""
    return int(hashlib.sha256(f"{seed}:{source}".encode()).hexdigest()[:12], 16) / 16**12


def _split(place: float, config: SplitConfig) -> str:
    if place < config.test:
        return "test"
    return "validation" if place < config.test + config.validation else "train"
