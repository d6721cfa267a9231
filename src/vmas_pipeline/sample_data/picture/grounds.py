"""What a scene is filmed in front of: a photograph, a procedural texture, or the genre's pattern, in its palette."""

# S side of a ground in pixels

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.looks import Look
from vmas_pipeline.sample_data.picture.photographs import PHOTOGRAPHS, Photograph, load

SIDE = 256
"""Pixels of a ground's side, whatever the size of the film."""

SPAN = 2.2
"""Side of a ground in short sides of the picture; beyond, it is mirrored."""

KINDS = {"photograph": 0.5, "texture": 0.28, "pattern": 0.22}
"""Probability of each kind."""

CROPS = 3
"""Parts of a photograph of which the most detailed is taken."""

OWN_COLOUR = (0.05, 0.22)
"""How much of a photograph's own colours is left beside the palette."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """A picture that the camera moves over."""

    pixels: np.ndarray
    """uint8 RGB [S, S, 3]."""
    kind: str
    """One of `KINDS`."""
    photograph: Photograph | None
    """What is to be credited."""

    @property
    def textured(self) -> bool:
        """Whether it shows that the camera moves."""
        return self.kind != "pattern"

    def scaled(self, unit: float) -> np.ndarray:
        """Pixels at `unit` pixels per short side: uint8 [S, S, 3]."""
        import cv2

        side = round(unit * SPAN)
        method = cv2.INTER_AREA if side < SIDE else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(self.pixels, (side, side), interpolation=method))


def choose_ground(look: Look, random: np.random.Generator) -> Ground:
    """Draws a background and tints it towards the genre's palette."""
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    palette = _palette(look, random)
    if kind == "photograph":
        photograph = PHOTOGRAPHS[random.integers(len(PHOTOGRAPHS))]
        pixels = _tinted_photograph(load(photograph), palette, random)
        return Ground(pixels=pixels, kind=kind, photograph=photograph)
    if kind == "texture":
        grey = _stretched(TEXTURES[int(random.integers(len(TEXTURES)))](random))
    else:
        grey = _pattern(look.pattern, random)
    return Ground(pixels=palette[grey], kind=kind, photograph=None)


def _palette(look: Look, random: np.random.Generator) -> np.ndarray:
    """Colour of each grey level, from a shade of the background to a mixture with the foreground: uint8 [256, 3]."""
    ground, light = np.array(look.background, np.float32), np.array(look.foreground, np.float32)
    brightness = random.uniform(0.85, 1.2)
    stops = brightness * np.stack([0.3 * ground, 1.1 * ground, 0.5 * ground + random.uniform(0.3, 0.5) * light])
    levels = np.arange(256)
    ramp = np.stack([np.interp(levels, [0, 110, 255], stops[:, channel]) for channel in range(3)], axis=1)
    return np.asarray(ramp.clip(0, 255).astype(np.uint8))


def _tinted_photograph(photograph: np.ndarray, palette: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A detailed square of it, perhaps mirrored or turned, mostly in the palette's colours: uint8 [S, S, 3]."""
    import cv2

    crops = [_crop(photograph, random) for _ in range(CROPS)]
    greys = [cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops]
    best = int(np.argmax([_detail(grey) for grey in greys]))
    share, grey = random.uniform(*OWN_COLOUR), cv2.createCLAHE(2.0, (4, 4)).apply(greys[best])
    return np.asarray(cv2.addWeighted(palette[grey], 1 - share, crops[best], share, 0))


def _crop(photograph: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A square of a photograph: uint8 RGB [S, S, 3]."""
    import cv2

    height, width = photograph.shape[:2]
    side = round(min(height, width) * random.uniform(0.5, 1.0))
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    square = photograph[top : top + side, left : left + side]
    square = np.rot90(square[:, :: random.choice([-1, 1])], random.choice([0, 0, 0, 1, 2]))
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(square), (SIDE, SIDE), interpolation=method))


def _detail(grey: np.ndarray) -> float:
    """Contrast in the calmer parts of a picture: clear sky has none."""
    tiles = grey[::2, ::2].reshape(8, SIDE // 16, 8, SIDE // 16).astype(np.float32)
    return float(np.percentile(tiles.std(axis=(1, 3)), 30))


def _clouds(random: np.random.Generator) -> np.ndarray:
    """Noise of several octaves: float32 [S, S]."""
    import cv2

    roughness = random.uniform(0.2, 0.7)
    octaves = [(cells, float(cells) ** -roughness) for cells in (4, 8, 16, 32, 64)]
    small = [weight * random.standard_normal((cells, cells), np.float32) for cells, weight in octaves]
    return np.sum([cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for noise in small], axis=0)


def _cells(random: np.random.Generator) -> np.ndarray:
    """Stones in mortar: distances to the nearest of random points: float32 [S, S]."""
    import cv2

    points = np.full((SIDE, SIDE), 255, np.uint8)
    points[tuple(random.integers(0, SIDE, (2, int(random.integers(60, 260)))))] = 0
    distance = cv2.distanceTransform(points, cv2.DIST_L2, 3)
    return np.asarray(distance + 0.3 * distance.std() * _clouds(random))


def _city(random: np.random.Generator) -> np.ndarray:
    """Blocks of a city from above, or bricks: float32 [S, S]."""
    picture = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(int(random.integers(60, 160))):
        top, left = random.integers(-20, SIDE, 2)
        height, width = random.integers(10, 60, 2)
        picture[max(top, 0) : top + height, max(left, 0) : left + width] = random.uniform()
    return picture


def _lights(random: np.random.Generator) -> np.ndarray:
    """Lamps out of focus at night: float32 [S, S]."""
    import cv2

    picture = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(int(random.integers(60, 140))):
        centre = (int(random.integers(SIDE)), int(random.integers(SIDE)))
        cv2.circle(picture, centre, int(random.integers(3, 18)), random.uniform(0.2, 1.0), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5))


def _grain(random: np.random.Generator) -> np.ndarray:
    """Wood or water: noise stretched along one direction, bent by slow waves: float32 [S, S]."""
    import cv2

    rows, columns = int(random.integers(30, 80)), int(random.integers(4, 10))
    noise = cv2.resize(random.standard_normal((rows, columns), np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    bent = y + random.uniform(4, 14) * np.sin(x / random.uniform(20, 50))
    wood = cv2.remap(noise, x, bent, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(wood.T if random.random() < 0.5 else wood)


def _terrain(random: np.random.Generator) -> np.ndarray:
    """Hills from above, lit from one side: float32 [S, S]."""
    south, east = np.gradient(_clouds(random))
    return np.asarray(south + random.uniform(-1, 1) * east)


TEXTURES: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (_clouds, _cells, _city, _lights, _grain, _terrain)


def _stretched(values: np.ndarray) -> np.ndarray:
    """To the full range of grey levels: uint8 [S, S]."""
    low, high = np.percentile(values[::4, ::4], [2, 98])
    return np.asarray(np.clip(255 * (values - low) / max(high - low, 1e-6), 0, 255).astype(np.uint8))


def _pattern(name: str, random: np.random.Generator) -> np.ndarray:
    """The genre's pattern, of low contrast: uint8 [S, S]."""
    grid = (np.arange(SIDE) + 0.5) / SIDE * SPAN
    x, y, phase = grid[None, :], grid[:, None], random.uniform()
    light = {
        "plain": lambda: np.zeros((SIDE, SIDE)),
        "gradient": lambda: (y / SPAN - 0.5) * 1.6 + 0 * x,
        "stripes": lambda: np.sign(np.sin(2 * np.pi * (4 * (x + y) + phase))),
        "checks": lambda: np.sign(np.sin(2 * np.pi * (2 * x + phase)) * np.sin(2 * np.pi * (2 * y + phase))),
        "rings": lambda: np.sign(np.sin(2 * np.pi * (5 * np.hypot(x - SPAN / 2, y - SPAN / 2) + phase))),
    }[name]()
    return np.asarray((105 + 30 * light).clip(0, 255).astype(np.uint8))
