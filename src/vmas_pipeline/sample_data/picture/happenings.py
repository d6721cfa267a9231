"""The kinds of event: what happens in the picture at a moment of the timeline."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.picture.movers import Mover
from vmas_pipeline.sample_data.picture.scenes import AREA, Scene

Happening = Callable[[Scene, float, float, np.random.Generator], None]
"""Adds steps to a scene: the scene, time in seconds, reach (about 0.5 to 1.2), source of directions."""

JUMP, ENSEMBLE, WHIP, ZOOM, TURN, ENTER = 0.42, 0.35, 0.15, 0.25, 0.28, 0.45
"""Sizes of motions at reach 1: in short sides, as a fraction, in radians. All move the picture about equally."""

FOLLOWING = 0.5
"""Shift of movers when the camera jerks, as a fraction of the ground's."""

ROOM = 0.16
"""How much the camera zooms out at reach 1 when something appears."""

MILD = ("whip", "appear")
"""Kinds that hardly count beside a cut."""

ZOOMS = (0.7, 1.5)
"""Range of the camera's zoom."""


def jump(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """The leading mover jumps."""
    _leap(scene.movers[0], time_s, JUMP * reach, random)


def ensemble(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """All movers jump together."""
    for mover in scene.movers:
        _leap(mover, time_s, ENSEMBLE * reach, random)


def whip(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """The camera jerks towards the leading mover, or anywhere; movers, which are nearer, shift less than the ground."""
    x, y = scene.movers[0].motion.latest[:2] if scene.movers else random.uniform(-1, 1, 2)
    heading = np.arctan2(y, x) + random.uniform(-0.8, 0.8)
    change = WHIP * reach * np.array([np.cos(heading), np.sin(heading), 0, 0])
    scene.camera.step(time_s, change)
    for mover in scene.movers:
        mover.motion.step(time_s, -FOLLOWING * change)


def zoom(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """The camera punches in or out."""
    now, factor = scene.camera.latest[2], 1 + ZOOM * reach
    inwards = now * factor <= ZOOMS[1] and (random.random() < 0.5 or now / factor < ZOOMS[0])
    scene.camera.step(time_s, [0, 0, now * factor - now if inwards else now / factor - now, 0])


def turn(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """The picture rotates suddenly."""
    scene.camera.step(time_s, [0, 0, 0, random.choice([-1, 1]) * TURN * reach])


def appear(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """Something comes in from the side and grows, or goes out again; the camera makes room for it."""
    guest, zoom_now = scene.guest, scene.camera.latest[2]
    hidden, now = guest.motion.start, guest.motion.latest
    if now[2]:
        guest.motion.step(time_s, hidden - now)
        scene.camera.step(time_s, [0, 0, min(zoom_now * (1 + ROOM * reach), ZOOMS[1]) - zoom_now, 0])
    else:
        inwards = ENTER * reach * hidden[:2] / np.linalg.norm(hidden[:2])
        guest.motion.step(time_s, [*-inwards, guest.radius * (0.7 + 0.3 * reach), random.uniform(-1, 1)])
        scene.camera.step(time_s, [0, 0, max(zoom_now / (1 + ROOM * reach), ZOOMS[0]) - zoom_now, 0])


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of event and the scenes in which it can be seen."""

    happens: Happening
    needs_texture: bool = False
    needs_movers: bool = False

    def fits(self, scene: Scene) -> bool:
        """Whether it is visible in this scene."""
        return (scene.ground.textured or not self.needs_texture) and (bool(scene.movers) or not self.needs_movers)


def _flash(scene: Scene, time_s: float, reach: float, random: np.random.Generator) -> None:
    """What moves when the light changes."""
    (whip if scene.ground.textured else ensemble)(scene, time_s, reach, random)


KINDS: dict[str, Kind] = {
    "jump": Kind(happens=jump, needs_movers=True),
    "ensemble": Kind(happens=ensemble, needs_movers=True),
    "whip": Kind(happens=whip, needs_texture=True),
    "zoom": Kind(happens=zoom, needs_texture=True),
    "turn": Kind(happens=turn, needs_texture=True),
    "appear": Kind(happens=appear),
    "flash": Kind(happens=_flash),
}
"""By name; two more things happen to the film as a whole: `cut` changes the scene, `flash` the light as well."""


def _leap(mover: Mover, time_s: float, distance: float, random: np.random.Generator) -> None:
    """Moves by about a distance, to a place within the area, and turns a little."""
    here = mover.motion.latest[:2]
    there = random.uniform(-AREA, AREA, (8, 2))
    lengths = np.linalg.norm(there - here, axis=1)
    change = there[np.argmin(np.abs(lengths - distance))] - here
    mover.motion.step(time_s, [*change, 0, random.uniform(0.4, 1.0)])
