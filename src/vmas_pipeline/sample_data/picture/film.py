"""Plans a film from the events of a timeline, and draws it."""

# T frames, H height, W width

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.looks import Look
from vmas_pipeline.sample_data.picture.formats import Format, choose_format
from vmas_pipeline.sample_data.picture.happenings import KINDS, MILD
from vmas_pipeline.sample_data.picture.light import Grain, Light, choose_light, curves
from vmas_pipeline.sample_data.picture.movers import outlines
from vmas_pipeline.sample_data.picture.photographs import Photograph
from vmas_pipeline.sample_data.picture.scenes import Scene, choose_restlessness, compose
from vmas_pipeline.sample_data.timeline import STRENGTHS, Timeline

CUT = "cut"

SAME, ATTEMPTS = 0.62, 4
"""Films whose `sameness` is not below this are planned anew, at most so many times."""

SAMPLES, THUMBNAIL = 24, 16
"""Frames that are compared for `sameness`, and their side in pixels."""

WEAKEST = 0.6
"""How far the weakest event moves things, as a fraction of the strongest."""

FLASH_LEVELS = (0.7, 1.1)
"""Exposure before and after a change of light."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Film:
    """Everything that is seen, decided before the first frame is drawn."""

    duration_s: float
    format: Format
    scenes: list[Scene]
    cuts_s: list[float]
    """Times of cuts, ascending."""
    shown: list[int]
    """Scene before the first cut and after each one."""
    light: Light
    kinds: list[str]
    """Of each seen event of the timeline: a name in `KINDS`, or `CUT`."""

    @property
    def photographs(self) -> tuple[Photograph, ...]:
        """The photographs that are in it, to be credited."""
        grounds = [self.scenes[index].ground for index in sorted(set(self.shown))]
        return tuple(dict.fromkeys(ground.photograph for ground in grounds if ground.photograph))


def plan_film(look: Look, timeline: Timeline, random: np.random.Generator) -> Film:
    """Decides what is seen, from the format to the direction of each jump; the timeline's seen events happen in it.

    The stronger an event, the larger its motion. The same random state gives the same film at any frame rate and size.
    A film that hardly changes is planned anew: curation would refuse it as a still picture.

    Args:
        look: palette, shape and pattern.
        timeline: when something happens.
        random: source of everything else.
    """
    for _ in range(ATTEMPTS):
        film = _plan(look, timeline, random)
        if sameness(film) < SAME:
            break
    return film


def _plan(look: Look, timeline: Timeline, random: np.random.Generator) -> Film:
    format_, light = choose_format(random), choose_light(random)
    restless = choose_restlessness(random)
    scenes = [compose(look, restless, random) for _ in range(int(random.choice([1, 1, 1, 2, 3, 4])))]
    repertoire = _choose_repertoire(len(scenes) > 1, random)
    film = Film(
        duration_s=timeline.duration_s,
        format=format_,
        scenes=scenes,
        cuts_s=[],
        shown=[0],
        light=light,
        kinds=[],
    )
    low, high = STRENGTHS
    vigour = random.uniform(0.9, 1.15)
    for time_s, strength in zip(timeline.times_s[timeline.seen], timeline.strengths[timeline.seen], strict=True):
        reach = vigour * (WEAKEST + (1 - WEAKEST) * (strength - low) / (high - low))
        film.kinds.append(_stage(film, float(time_s), float(reach), repertoire, random))
    return film


def _choose_repertoire(cuts: bool, random: np.random.Generator) -> dict[str, float]:
    """Kinds of event that this film has, with their weights; cuts are among them where there are scenes to cut to."""
    possible = [name for name in KINDS if not (cuts and name in MILD)]
    chosen = random.permutation(possible)[: int(random.integers(1, 5))]
    weights = dict(zip(chosen.tolist(), random.uniform(0.3, 1.0, len(chosen)).tolist(), strict=True))
    return weights | ({CUT: random.uniform(0.2, 1.0)} if cuts else {})


def _stage(film: Film, time_s: float, reach: float, repertoire: dict[str, float], random: np.random.Generator) -> str:
    """Makes one event happen, of a kind that is visible in the scene of that moment, and names the kind."""
    scene = film.scenes[film.shown[-1]]
    fitting = {name: weight for name, weight in repertoire.items() if name == CUT or KINDS[name].fits(scene)}
    if not fitting or (set(fitting) == {CUT} and random.random() < 0.5):
        fitting = {"whip" if scene.ground.textured else "jump": 1.0}
    chances = np.array(list(fitting.values()))
    kind = str(random.choice(list(fitting), p=chances / chances.sum()))
    if kind == CUT:
        others = [index for index in range(len(film.scenes)) if index != film.shown[-1]]
        film.cuts_s.append(time_s)
        film.shown.append(int(random.choice(others)))
        return kind
    KINDS[kind].happens(scene, time_s, reach, random)
    if kind == "flash":
        now = film.light.level.latest[0]
        film.light.level.step(time_s, [FLASH_LEVELS[int(now < np.mean(FLASH_LEVELS))] - now])
    return kind


def sameness(film: Film) -> float:
    """How much tiny grey pictures from all over a film resemble each other: 1 for a still."""
    import cv2

    times = (np.arange(SAMPLES) + 0.5) / SAMPLES * film.duration_s
    frames = _draw(film, times, 2 * THUMBNAIL)
    top, left = ((side - 2 * THUMBNAIL) // 2 for side in frames.shape[1:3])
    square = frames[:, top : top + 2 * THUMBNAIL, left : left + 2 * THUMBNAIL].mean(axis=3)
    small = np.stack([cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA) for frame in square])
    flat = small.reshape(SAMPLES, -1) - small.mean(axis=(1, 2))[:, None]
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return float((unit.mean(axis=0) ** 2).sum())


def render(film: Film, *, frame_rate: float, size: int) -> np.ndarray:
    """Draws a film's frames, each as it is in the middle of the time for which it is displayed.

    Args:
        film: from `plan_film`.
        frame_rate: frames per second.
        size: short side of the frames in pixels; the aspect ratio is the film's.

    Returns:
        uint8 RGB [T, H, W, 3], H and W even.
    """
    return _draw(film, (np.arange(round(film.duration_s * frame_rate)) + 0.5) / frame_rate, size)


def _draw(film: Film, times: np.ndarray, size: int) -> np.ndarray:
    """The frames at times in seconds [T]: uint8 RGB [T, H, W, 3]."""
    height, width = film.format.sides(size)
    top, bottom = film.format.rows(size)
    frames = np.zeros((len(times), height, width, 3), np.uint8)
    views = frames[:, top:bottom]
    shown = np.array(film.shown)[np.searchsorted(film.cuts_s, times, side="right")]
    for index in np.unique(shown):
        chosen = np.flatnonzero(shown == index)
        _shoot(film.scenes[index], times[chosen], [views[frame] for frame in chosen])
    _develop(film, times, views)
    return frames


def _shoot(scene: Scene, times: np.ndarray, views: list[np.ndarray]) -> None:
    """Fills the frames of one scene."""
    import cv2

    height, width = views[0].shape[:2]
    unit = min(height, width)
    ground, camera = scene.ground.scaled(unit), scene.camera.at(times)
    maps = _ground_maps(camera, unit, np.array([width, height]), len(ground) / 2)
    sides = np.array([width, height])
    shapes = [
        outlines(mover, _on_screen(mover.motion.at(times), camera, unit, sides))
        for mover in [*scene.movers, scene.guest]
    ]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for frame, view in enumerate(views):
        cv2.warpAffine(ground, maps[frame], (width, height), view, flags, cv2.BORDER_REFLECT_101)
        for shape in shapes:
            shape.paint(view, frame)


def _ground_maps(camera: np.ndarray, unit: int, sides: np.ndarray, centre: float) -> np.ndarray:
    """Maps from pixels of the frame to pixels of the ground, for the camera's states [T, 4]: [T, 2, 3]."""
    x, y, zoom, roll = camera.T
    cosine, sine = np.cos(roll) / zoom, np.sin(roll) / zoom
    linear = np.stack([np.stack([cosine, sine], 1), np.stack([-sine, cosine], 1)], 1)  # [T, 2, 2]
    middle = (sides - 1) / 2
    shift = centre + unit * np.stack([x, y], 1) - linear @ middle
    return np.concatenate([linear, shift[..., None]], axis=2)


def _on_screen(states: np.ndarray, camera: np.ndarray, unit: int, sides: np.ndarray) -> np.ndarray:
    """Movers stay with the camera when it pans, and zoom and roll with it: states [T, 4] to poses in pixels [T, 4]."""
    x, y, radius, angle = states.T
    zoom, roll = camera[:, 2], camera[:, 3]
    cosine, sine = np.cos(roll), np.sin(roll)
    across, down = zoom * (cosine * x - sine * y), zoom * (sine * x + cosine * y)
    return np.stack([unit * across + sides[0] / 2, unit * down + sides[1] / 2, unit * zoom * radius, angle + roll], 1)


def _develop(film: Film, times: np.ndarray, views: np.ndarray) -> None:
    """Exposes the frames and adds grain, in place."""
    import cv2

    tones = curves(film.light.exposure(times, film.duration_s))
    grain = Grain(film.light, *views.shape[1:3]) if film.light.grain else None
    for view, tone, time_s in zip(views, tones, times, strict=True):
        cv2.LUT(view, tone, view)
        if grain:
            grain.add(view, time_s)
