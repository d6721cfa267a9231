"""The genres of synthetic music videos: `looks` has the picture of each, `styles` its music."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

GENRES = ("ambient", "chiptune", "techno", "folk", "jazz")


class Named(Protocol):
    """What a genre determines, under the genre's name."""

    @property
    def name(self) -> str:
        """One of `GENRES`."""


T = TypeVar("T", bound=Named)


def of_genre(name: str, choices: Iterable[T]) -> T:
    """Finds what a genre determines.

    Raises:
        ValueError: no genre has this name.
    """
    by_name = {choice.name: choice for choice in choices}
    if name not in by_name:
        raise ValueError(f"genre ({name!r}) is unknown: choose one of {', '.join(by_name)}")
    return by_name[name]
