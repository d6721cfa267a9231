"""Draws the frames of a synthetic music video: one shape that jumps at every event."""

# T frames, H height, W width

from collections.abc import Callable

import numpy as np

from vmas_pipeline.sample_data.genres import Genre

TRANSITION_S = 0.08
"""A jump takes this long, centred on its event."""

REACH = (0.25, 0.75)
"""Range of the shape's centre, x and y, in picture sides."""

_LEAP = 0.35
"""Approximate length of a jump: far enough to change the picture, near enough for optical flow to follow."""

_SWAY = 0.012
"""Amplitude of the slow drift between events, in picture sides."""


def draw(
    genre: Genre,
    leaps_s: np.ndarray,
    places: np.ndarray,
    *,
    frames: int,
    frame_rate: float,
    size: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Draws the frames; positions are analytic in time, so any frame rate shows the same video.

    Args:
        genre: sets colours, shape and background.
        leaps_s: times of the events, ascending, [E].
        places: centre of the shape before the first event and after each one, x and y in 0..1, [E + 1, 2].
        frames: number of frames T.
        frame_rate: frames per second.
        size: side of the square picture in pixels.
        random: source of sizes, rotations and the background's phase.

    Returns:
        uint8 [T, H, W, 3].
    """
    times = np.arange(frames) / frame_rate
    count = len(leaps_s) + 1
    radii = random.uniform(0.26, 0.34, count)
    turns = np.cumsum(random.uniform(0.5, 1.2, count))
    steps = _smooth_steps(times, leaps_s)
    sway = _SWAY * np.stack([np.sin(1.9 * times), np.cos(1.3 * times)], axis=1)
    centres = _follow(places, steps) + sway
    cover = _cover(genre.shape, centres, _follow(radii[:, None], steps), _follow(turns[:, None], steps), size)
    ground = _ground(genre, size, random.uniform(0, 1))  # [H, W, 3]
    colour = np.array(genre.foreground, dtype=np.float32) * np.float32(random.uniform(0.85, 1.0))
    return (ground + cover[..., None] * (colour - ground) + 0.5).astype(np.uint8)


def choose_places(leaps: int, random: np.random.Generator) -> np.ndarray:
    """Centres of the shape before the first jump and after each one, x and y within `REACH`: [leaps + 1, 2]."""
    places = [random.uniform(*REACH, 2)]
    for _ in range(leaps):
        candidates = random.uniform(*REACH, (6, 2))
        lengths = np.linalg.norm(candidates - places[-1], axis=1)
        places.append(candidates[np.argmin(np.abs(lengths - _LEAP))])
    return np.array(places)


def _smooth_steps(times: np.ndarray, leaps_s: np.ndarray) -> np.ndarray:
    """Progress of each jump at each time, 0 to 1: [T, E]."""
    progress = np.clip((times[:, None] - leaps_s[None, :]) / TRANSITION_S + 0.5, 0.0, 1.0)
    return progress * progress * (3.0 - 2.0 * progress)


def _follow(states: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The state at each time, from the states between jumps: [E + 1, D] -> [T, D]."""
    return states[0] + steps @ np.diff(states, axis=0)


def _cover(shape: str, centres: np.ndarray, radii: np.ndarray, angles: np.ndarray, size: int) -> np.ndarray:
    """Fraction of each pixel covered by the shape: float32 [T, H, W]."""
    grid = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x = (grid[None, :] - centres[:, :1].astype(np.float32))[:, None, :]  # [T, 1, W]
    y = (grid[None, :] - centres[:, 1:].astype(np.float32))[:, :, None]  # [T, H, 1]
    cosine = np.cos(angles).astype(np.float32)[..., None]
    sine = np.sin(angles).astype(np.float32)[..., None]
    radius = radii.astype(np.float32)[..., None]
    distance = _DISTANCES[shape](cosine * x + sine * y, cosine * y - sine * x, radius)
    return np.clip(np.float32(0.5) - distance * np.float32(size), 0.0, 1.0)


def _disc(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.sqrt(u * u + v * v) - r


def _ring(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.abs(_disc(u, v, r)) - 0.35 * r


def _square(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) - 0.9 * r


def _cross(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    u, v = np.abs(u), np.abs(v)
    return np.maximum(np.maximum(u, v) - 1.1 * r, np.minimum(u, v) - 0.4 * r)


def _triangle(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.maximum(0.866 * np.abs(u) + 0.5 * v, -v) - 0.65 * r


_DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "cross": _cross,
    "triangle": _triangle,
}


def _ground(genre: Genre, size: int, phase: float) -> np.ndarray:
    """The static background: float32 [H, W, 3]."""
    grid = (np.arange(size) + 0.5) / size
    x, y = grid[None, :], grid[:, None]
    patterns = {
        "plain": 0.0 * x * y,
        "gradient": y - 0.5 + 0.0 * x,
        "stripes": np.sign(np.sin(2 * np.pi * (4 * (x + y) + phase))),
        "checks": np.sign(np.sin(2 * np.pi * (2 * x + phase)) * np.sin(2 * np.pi * (2 * y + phase))),
        "rings": np.sign(np.sin(2 * np.pi * (5 * np.hypot(x - 0.5, y - 0.5) + phase))),
    }
    light = 1.0 + 0.3 * patterns[genre.pattern]
    return (light[..., None] * np.array(genre.background)).clip(0, 255).astype(np.float32)
