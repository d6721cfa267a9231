"""The five genres as they look: palette, shape and pattern."""

from dataclasses import dataclass

from vmas_pipeline.sample_data.genres import of_genre


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a genre determines in the picture."""

    name: str
    foreground: tuple[int, int, int]
    """Colour of moving shapes, and the light end of the background's palette, RGB."""
    background: tuple[int, int, int]
    """Colour of the background, RGB: photographs are tinted with it too."""
    shape: str
    """disc, square, triangle, ring or cross."""
    pattern: str
    """Pattern of backgrounds that are neither photograph nor texture: plain, stripes, checks, rings or gradient."""


LOOKS: tuple[Look, ...] = (
    Look(
        name="ambient",
        foreground=(240, 250, 255),
        background=(20, 40, 110),
        shape="disc",
        pattern="gradient",
    ),
    Look(
        name="chiptune",
        foreground=(90, 255, 90),
        background=(15, 15, 15),
        shape="square",
        pattern="checks",
    ),
    Look(
        name="techno",
        foreground=(255, 60, 200),
        background=(60, 0, 60),
        shape="triangle",
        pattern="stripes",
    ),
    Look(
        name="folk",
        foreground=(255, 225, 130),
        background=(110, 60, 20),
        shape="ring",
        pattern="plain",
    ),
    Look(
        name="jazz",
        foreground=(255, 90, 60),
        background=(10, 80, 75),
        shape="cross",
        pattern="rings",
    ),
)


def look_named(name: str) -> Look:
    """The look of a genre.

    Raises:
        ValueError: no genre has this name.
    """
    return of_genre(name, LOOKS)
