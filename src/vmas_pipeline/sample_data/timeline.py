"""When something happens in a synthetic music video: the part that its picture and its music share."""

# B beats, E events

from dataclasses import dataclass

import numpy as np

DENSITY = (0.5, 4.0)
"""Range of a section's density, events per second; each section draws its own, log-uniformly."""

SECTION_S = 4.0
"""Approximate length of a section."""

LEAST_GAP_S = 0.26
"""Events are at least this far apart: flow at 9.6 frames a second cannot tell closer ones apart."""

AUDIO_ONLY, VIDEO_ONLY = 0.07, 0.05
"""Probability that an event is only heard, and that it is only seen: no soundtrack follows its picture perfectly."""

STRENGTHS = (0.4, 1.0)
"""Range of an event's strength: how far something moves, how loud an accent is."""

FULL_SLOT = 0.95
"""Maximum probability that a slot of the grid has an event."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """Tempo, metre and events of a film; everything else about it is decided independently in picture and music."""

    duration_s: float
    beat_s: float
    """Time between beats."""
    beats_per_bar: int
    first_beat_s: float
    first_in_bar: int
    """Position in its bar of the first beat, 0 for the downbeat."""
    times_s: np.ndarray
    """Float64 [E], ascending."""
    strengths: np.ndarray
    """Float64 [E], within `STRENGTHS`."""
    seen: np.ndarray
    """Bool [E]: the event is in the picture."""
    heard: np.ndarray
    """Bool [E]: the event is in the music."""

    @property
    def beats_s(self) -> np.ndarray:
        """Times of all beats, with or without event, [B]."""
        return np.arange(self.first_beat_s, self.duration_s, self.beat_s)

    @property
    def places(self) -> np.ndarray:
        """Position of each event in its bar, in beats: 0 is the downbeat, halves are between beats, [E]."""
        return self._beats_since_bar() % self.beats_per_bar

    @property
    def bars(self) -> np.ndarray:
        """Number of the bar of each event, int [E]."""
        return (self._beats_since_bar() // self.beats_per_bar).astype(int)

    def _beats_since_bar(self) -> np.ndarray:
        """Beats, to the half, from the downbeat of bar 0 to each event, [E]."""
        since_bar = (self.times_s - self.first_beat_s) / self.beat_s + self.first_in_bar
        return np.round(2 * since_bar) / 2


def draw_timeline(
    duration_s: float,
    random: np.random.Generator,
    *,
    beat_s: tuple[float, float] = (0.45, 0.8),
    metres: tuple[int, ...] = (4, 4, 3),
) -> Timeline:
    """Draws tempo, metre and events.

    Events fall on beats, and in lively sections also halfway between them. Each section has its own density, from an
    event every two seconds to four events a second.

    Args:
        duration_s: length of the film in seconds.
        random: source of all decisions.
        beat_s: range of the time between beats.
        metres: beats per bar to choose from.
    """
    period = random.uniform(*beat_s)
    first = random.uniform(0.15, 0.15 + period)
    step = period / 2 if period / 2 >= LEAST_GAP_S else period
    slots = np.arange(first, duration_s - 0.15, step)
    luck = random.uniform(size=len(slots)) - _chances(slots, duration_s, step, period, random)
    sections = _sections(slots, duration_s)
    luckiest = [np.flatnonzero(sections == each)[luck[sections == each].argmin()] for each in np.unique(sections)]
    luck[luckiest] = -1  # each section has an event: librosa finds onsets in any ripple of music without one
    times = slots[luck < 0]
    kinds = random.uniform(size=len(times))
    return Timeline(
        duration_s=duration_s,
        beat_s=period,
        beats_per_bar=int(random.choice(metres)),
        first_beat_s=first,
        first_in_bar=int(random.integers(min(metres))),
        times_s=times,
        strengths=random.uniform(*STRENGTHS, len(times)),
        seen=kinds >= AUDIO_ONLY,
        heard=kinds < 1 - VIDEO_ONLY,
    )


def _sections(slots: np.ndarray, duration_s: float) -> np.ndarray:
    """The section of each slot, int [S]."""
    count = max(1, round(duration_s / SECTION_S))
    return np.minimum((slots / duration_s * count).astype(int), count - 1)


def _chances(
    slots: np.ndarray, duration_s: float, step: float, period: float, random: np.random.Generator
) -> np.ndarray:
    """Probability of an event in each slot: of its section's density, on beats before between them."""
    sections = _sections(slots, duration_s)
    low, high = DENSITY
    densities = low * (high / low) ** random.uniform(size=sections.max(initial=0) + 1)  # events per second
    density = densities[sections]
    on_beat = np.arange(len(slots)) % round(period / step) == 0
    if step == period:
        return np.minimum(density * period, FULL_SLOT)
    beats = np.minimum(density * period, FULL_SLOT)  # all events on beats while there are enough of them
    between = np.clip(density * period - FULL_SLOT, 0, FULL_SLOT)
    return np.where(on_beat, beats, between)
