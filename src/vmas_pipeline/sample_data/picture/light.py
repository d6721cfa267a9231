"""Light and film stock: exposure, flicker, fades, grain."""

# T frames, H height, W width

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.picture.motion import Drift, Motion, sway

FADE_LOW = 0.35
"""Darkest point of a fade: what moves in it is still seen."""

_TILES, _TILE = 8, 192
"""Number of different grains, and the side of one in pixels."""

_GRAINS_PER_S = 24
"""The grain changes this often, at any frame rate."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """Brightness over time, and grain."""

    level: Motion
    """Exposure: steps at flashes, [1]."""
    flicker: Drift | None
    fade_in_s: float
    """Length of the fade at the beginning; 0: none."""
    fade_out_s: float
    grain: float
    """Standard deviation in grey levels; 0: none."""
    seed: int
    """Of the grain."""

    def exposure(self, times: np.ndarray, duration_s: float) -> np.ndarray:
        """Factor of brightness at times in seconds: [T] -> [T]."""
        factor = self.level.at(times)[:, 0]
        if self.flicker:
            factor = factor * (1 + self.flicker.at(times)[:, 0])
        for since, length in ((times, self.fade_in_s), (duration_s - times, self.fade_out_s)):
            if length:
                factor = factor * np.clip(FADE_LOW + (1 - FADE_LOW) * since / length, FADE_LOW, 1)
        return factor


def choose_light(random: np.random.Generator) -> Light:
    """Draws the light of a film: most have some grain, few flicker or fade."""
    flickers, grainy = random.random() < 0.25, random.random() < 0.6
    flicker = sway(np.array([random.uniform(0.02, 0.06)]), (0.5, 6.0), 3, random)
    fades = random.uniform(0.6, 2.0, 2) * (random.random(2) < 0.15)
    return Light(
        level=Motion(start=np.array([random.uniform(0.85, 1.0)])),
        flicker=flicker if flickers else None,
        fade_in_s=float(fades[0]),
        fade_out_s=float(fades[1]),
        grain=random.uniform(1.5, 6.0) * float(grainy),
        seed=int(random.integers(2**31)),
    )


def curves(exposure: np.ndarray) -> np.ndarray:
    """Tone curve of each frame: exposures [T] -> uint8 [T, 256]."""
    return np.asarray((exposure[:, None] * np.arange(256) + 0.5).clip(0, 255).astype(np.uint8))


class Grain:
    """Noise that differs from frame to frame, of a film of given size."""

    def __init__(self, light: Light, height: int, width: int) -> None:
        """Makes a few tiles of noise, of which each frame gets one, shifted."""
        self._random = np.random.default_rng(light.seed)
        rows, columns = max(_TILE, height + 64), max(_TILE, width + 64)
        noise = light.grain * self._random.standard_normal((rows, columns), np.float32)
        parts = (noise + 0.5, 0.5 - noise)
        self._light, self._dark = (np.repeat(part.clip(0).astype(np.uint8)[..., None], 3, 2) for part in parts)
        self._height, self._width = height, width
        self._shifts = self._random.integers(0, 64, (997, 2))

    def add(self, view: np.ndarray, time_s: float) -> None:
        """Adds it to a frame [H, W, 3] in place."""
        import cv2

        top, left = self._shifts[int(time_s * _GRAINS_PER_S) % len(self._shifts)]
        window = (slice(top, top + self._height), slice(left, left + self._width))
        cv2.add(view, self._light[window], dst=view)
        cv2.subtract(view, self._dark[window], dst=view)
