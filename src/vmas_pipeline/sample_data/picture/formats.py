"""Shapes of the picture: aspect ratios and letterbox bars."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Format:
    """Aspect ratio of the frames, and of the picture in them."""

    name: str
    ratio: float
    """Width over height of the frames."""
    inner: float | None = None
    """Width over height of the picture, where black bars above and below it fill the frame."""
    chance: float

    def sides(self, size: int) -> tuple[int, int]:
        """Height and width of a frame with this short side in pixels; both even."""
        long = 2 * round(size * max(self.ratio, 1 / self.ratio) / 2)
        return (size, long) if self.ratio >= 1 else (long, size)

    def rows(self, size: int) -> tuple[int, int]:
        """First row of the picture and the row behind its last."""
        height, width = self.sides(size)
        picture = 2 * round(width / self.inner / 2) if self.inner else height
        return (height - picture) // 2, (height + picture) // 2


FORMATS: tuple[Format, ...] = (
    Format(name="1:1", ratio=1.0, chance=0.15),
    Format(name="4:3", ratio=4 / 3, chance=0.2),
    Format(name="3:2", ratio=3 / 2, chance=0.1),
    Format(name="16:9", ratio=16 / 9, chance=0.3),
    Format(name="9:16", ratio=9 / 16, chance=0.13),
    Format(name="2.35:1", ratio=16 / 9, inner=2.35, chance=0.12),
)

NTSC = 1000 / 1001
FRAME_RATES = {12: 0.05, 15: 0.1, 24 * NTSC: 0.2, 24: 0.2, 25: 0.2, 30 * NTSC: 0.15, 30: 0.1}
"""Frames per second, with the share of films that have it."""


def choose_format(random: np.random.Generator) -> Format:
    """Draws the format of a film."""
    return FORMATS[int(random.choice(len(FORMATS), p=[each.chance for each in FORMATS]))]


def choose_frame_rate(random: np.random.Generator) -> float:
    """Draws the frame rate of a film."""
    return float(random.choice(list(FRAME_RATES), p=list(FRAME_RATES.values())))
