"""The five genres: what each one determines in the picture; `styles` has the music."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Genre:
    """Look of a genre."""

    name: str
    foreground: tuple[int, int, int]
    """Colour of the moving shape, RGB."""
    background: tuple[int, int, int]
    """Colour of the background, RGB."""
    shape: str
    """disc, square, triangle, ring or cross."""
    pattern: str
    """Background pattern: plain, stripes, checks, rings or gradient."""


GENRES: tuple[Genre, ...] = (
    Genre(
        name="ambient",
        foreground=(240, 250, 255),
        background=(20, 40, 110),
        shape="disc",
        pattern="gradient",
    ),
    Genre(
        name="chiptune",
        foreground=(90, 255, 90),
        background=(15, 15, 15),
        shape="square",
        pattern="checks",
    ),
    Genre(
        name="techno",
        foreground=(255, 60, 200),
        background=(60, 0, 60),
        shape="triangle",
        pattern="stripes",
    ),
    Genre(
        name="folk",
        foreground=(255, 225, 130),
        background=(110, 60, 20),
        shape="ring",
        pattern="plain",
    ),
    Genre(
        name="jazz",
        foreground=(255, 90, 60),
        background=(10, 80, 75),
        shape="cross",
        pattern="rings",
    ),
)


def genre_named(name: str) -> Genre:
    """Finds a genre.

    Raises:
        ValueError: no genre has this name.
    """
    for genre in GENRES:
        if genre.name == name:
            return genre
    raise ValueError(f"genre ({name!r}) is unknown: choose one of {', '.join(genre.name for genre in GENRES)}")
