"""How something moves: sudden steps at events over a continuous drift, both analytic in time."""

# T frames, E steps, W waves, D dimensions of the state

from dataclasses import dataclass, field

import numpy as np

TRANSITION_S = 0.08
"""A step takes this long, centred on its event."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drift:
    """Motion that never starts or stops: a constant speed plus sine waves."""

    speed: np.ndarray
    """Change per second, [D]."""
    amplitudes: np.ndarray
    """Of the waves, [W, D]."""
    rates_hz: np.ndarray
    """Of the waves, [W, D]."""
    phases: np.ndarray
    """Of the waves in radians, [W, D]."""

    def at(self, times: np.ndarray) -> np.ndarray:
        """The displacement at times in seconds: [T] -> [T, D]."""
        angles = 2 * np.pi * times[:, None, None] * self.rates_hz + self.phases  # [T, W, D]
        return times[:, None] * self.speed + (self.amplitudes * np.sin(angles)).sum(axis=1)


@dataclass(kw_only=True, eq=False)
class Motion:
    """A state that changes by steps at events and drifts between them."""

    start: np.ndarray
    """State before the first step, [D]."""
    drift: Drift | None = None
    """None: at rest between steps."""
    _times: list[float] = field(default_factory=list)
    _changes: list[np.ndarray] = field(default_factory=list)

    @property
    def latest(self) -> np.ndarray:
        """State after all steps so far, without the drift: [D]."""
        return self.start + np.sum(self._changes, axis=0) if self._changes else self.start

    def step(self, time_s: float, change: np.ndarray | list[float]) -> None:
        """Adds a step by `change` [D], centred on a time in seconds."""
        self._times.append(time_s)
        self._changes.append(np.asarray(change, np.float64))

    def at(self, times: np.ndarray) -> np.ndarray:
        """The state at times in seconds: [T] -> [T, D]."""
        state = np.repeat(self.start[None].astype(np.float64), len(times), axis=0)
        if self._times:
            state += progress(times, np.array(self._times)) @ np.stack(self._changes)
        return state if self.drift is None else state + self.drift.at(times)


def progress(times: np.ndarray, steps_s: np.ndarray) -> np.ndarray:
    """Progress of each step at each time, 0 to 1 and smooth at both ends: [T, E]."""
    linear = np.clip((times[:, None] - steps_s[None, :]) / TRANSITION_S + 0.5, 0.0, 1.0)
    return linear * linear * (3.0 - 2.0 * linear)


def sway(amplitudes: np.ndarray, rates_hz: tuple[float, float], waves: int, random: np.random.Generator) -> Drift:
    """Waves without constant speed: slow ones rock a mover, several fast ones shake a camera.

    Args:
        amplitudes: of the sum of the waves in each dimension, roughly, [D].
        rates_hz: range of the waves' rates.
        waves: their number W.
        random: source of rates and phases.
    """
    shape = (waves, len(amplitudes))
    return Drift(
        speed=np.zeros(len(amplitudes)),
        amplitudes=np.repeat(amplitudes[None] / np.sqrt(waves), waves, axis=0),
        rates_hz=random.uniform(*rates_hz, shape),
        phases=random.uniform(0, 2 * np.pi, shape),
    )


def together(*drifts: Drift) -> Drift:
    """The sum of drifts of the same dimension."""
    return Drift(
        speed=np.sum([drift.speed for drift in drifts], axis=0),
        amplitudes=np.concatenate([drift.amplitudes for drift in drifts]),
        rates_hz=np.concatenate([drift.rates_hz for drift in drifts]),
        phases=np.concatenate([drift.phases for drift in drifts]),
    )
