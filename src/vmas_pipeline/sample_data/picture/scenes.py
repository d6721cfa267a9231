"""A scene: a ground, a camera over it, and movers in front of it, with continuous motion of their own."""

from dataclasses import dataclass, replace

import numpy as np

from vmas_pipeline.sample_data.looks import Look
from vmas_pipeline.sample_data.picture.grounds import Ground, choose_ground
from vmas_pipeline.sample_data.picture.motion import Drift, Motion, sway, together
from vmas_pipeline.sample_data.picture.movers import Mover, make_mover

AREA = 0.3
"""Movers' centres stay this near to the picture's, in x and y: what is cropped to a square still shows them."""

GUEST_AT = 0.4
"""Distance of a hidden guest from the picture's centre."""

PLAIN_LEADS = 0.85
"""Probability that a scene over a textured ground has movers."""


@dataclass(frozen=True, kw_only=True)
class Restlessness:
    """How much moves all the time, drawn once for a film."""

    pan: float
    """Speed of the camera in short sides per second."""
    shake: float
    """Amplitude of the camera's shake in short sides."""
    breath: float
    """Amplitude of slow zooming in and out, as a fraction."""
    sway: float
    """Amplitude of movers' slow swinging, in short sides."""
    spin: float
    """Speed of movers' rotation in radians per second."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What is filmed, and how the camera moves."""

    ground: Ground
    camera: Motion
    """State: x and y over the ground in short sides, zoom, and roll in radians."""
    movers: list[Mover]
    """The first leads: it is the largest."""
    guest: Mover
    """Hidden until an event brings it in."""


def choose_restlessness(random: np.random.Generator) -> Restlessness:
    """A third of films are still between events, the others move gently or strongly."""
    still, level = random.random() < 0.25, random.uniform(0.2, 1.0)
    moves = 0.0 if still else level
    return Restlessness(
        pan=0.26 * moves * float(random.random() < 0.75),
        shake=0.006 * moves * float(random.random() < 0.5),
        breath=0.1 * moves * float(random.random() < 0.5),
        sway=0.012 + 0.03 * moves,
        spin=0.4 * moves * float(random.random() < 0.5),
    )


def compose(look: Look, restless: Restlessness, random: np.random.Generator) -> Scene:
    """Draws a scene of a film."""
    ground = choose_ground(look, random)
    count = int(random.integers(1, 5)) if not ground.textured or random.random() < PLAIN_LEADS else 0
    return Scene(
        ground=ground,
        camera=_camera(restless, random),
        movers=[_mover(look, restless, index == 0, random) for index in range(count)],
        guest=_guest(look, restless, random),
    )


def _camera(restless: Restlessness, random: np.random.Generator) -> Motion:
    heading = random.uniform(0, 2 * np.pi)
    zoom, breath = random.uniform(0.85, 1.15), restless.breath * np.array([0, 0, 1, 0.5])
    pan = restless.pan * np.array([np.cos(heading), np.sin(heading), 0, 0])
    shake = sway(restless.shake * np.array([1, 1, 0, 0.3]), (0.6, 3.0), 4, random)
    start = np.array([*random.uniform(-0.4, 0.4, 2), zoom, random.uniform(-0.15, 0.15)])
    waves = together(sway(breath, (0.08, 0.2), 1, random), shake)
    return Motion(start=start, drift=replace(waves, speed=pan))


def _mover(look: Look, restless: Restlessness, leads: bool, random: np.random.Generator) -> Mover:
    radius = random.uniform(0.27, 0.35) if leads else random.uniform(0.08, 0.16)
    brightness = random.uniform(0.85, 1.0) if leads else random.uniform(0.7, 0.9)
    start = np.array([*random.uniform(-AREA, AREA, 2), radius, random.uniform(0, 2 * np.pi)])
    return make_mover(look, radius, brightness, Motion(start=start, drift=_mover_drift(restless, random)))


def _guest(look: Look, restless: Restlessness, random: np.random.Generator) -> Mover:
    radius, where = random.uniform(0.32, 0.42), random.uniform(0, 2 * np.pi)
    start = np.array([GUEST_AT * np.cos(where), GUEST_AT * np.sin(where), 0, random.uniform(0, 2 * np.pi)])
    brightness = random.uniform(0.5, 0.65)  # it stands out where it covers the others
    return make_mover(look, radius, brightness, Motion(start=start, drift=_mover_drift(restless, random)))


def _mover_drift(restless: Restlessness, random: np.random.Generator) -> Drift:
    rocking = sway(np.array([restless.sway, restless.sway, 0, 0]), (0.15, 0.35), 1, random)
    speed = np.array([0, 0, 0, random.choice([-1, 1]) * restless.spin])
    return replace(rocking, speed=speed)
