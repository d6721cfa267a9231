"""The five genres: what each one determines in the picture and in the music."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Genre:
    """Look and sound of a genre."""

    name: str
    foreground: tuple[int, int, int]
    """Colour of the moving shape, RGB."""
    background: tuple[int, int, int]
    """Colour of the background, RGB."""
    shape: str
    """disc, square, triangle, ring or cross."""
    pattern: str
    """Background pattern: plain, stripes, checks, rings or gradient."""
    harmonics: tuple[float, ...]
    """Amplitude of each partial, or of each member of `partials`."""
    partials: tuple[float, ...]
    """Frequency of each partial as a multiple of the note's."""
    scale: tuple[int, ...]
    """Semitones above the root that events play, low to high."""
    root_hz: float
    """Frequency of the root."""
    decay_s: float
    """Time in which a note decays to 1/e: from staccato to ringing."""
    strokes_s: tuple[float, ...]
    """Delays of the strokes of one event: the genre's rhythmic figure, shorter than an onset."""
    noise: float
    """Level of the noise burst at the attack, 0 to 1."""
    pulse_hz: float
    """Amplitude modulation rate of the pad under the notes."""


GENRES: tuple[Genre, ...] = (
    Genre(
        name="ambient",
        foreground=(240, 250, 255),
        background=(20, 40, 110),
        shape="disc",
        pattern="gradient",
        harmonics=(1.0, 0.5, 0.25),
        partials=(1.0, 2.76, 5.4),
        scale=(0, 2, 4, 7, 9, 12, 14, 16),
        root_hz=261.63,
        decay_s=0.35,
        strokes_s=(0.0,),
        noise=0.0,
        pulse_hz=0.4,
    ),
    Genre(
        name="chiptune",
        foreground=(90, 255, 90),
        background=(15, 15, 15),
        shape="square",
        pattern="checks",
        harmonics=(1.0, 0.33, 0.2, 0.14, 0.11),
        partials=(1.0, 3.0, 5.0, 7.0, 9.0),
        scale=(0, 2, 4, 5, 7, 9, 11, 12),
        root_hz=392.0,
        decay_s=0.12,
        strokes_s=(0.0, 0.03),
        noise=0.0,
        pulse_hz=0.0,
    ),
    Genre(
        name="techno",
        foreground=(255, 60, 200),
        background=(60, 0, 60),
        shape="triangle",
        pattern="stripes",
        harmonics=(1.0, 0.5, 0.33, 0.25, 0.2, 0.16),
        partials=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        scale=(0, 3, 5, 6, 7, 10, 12, 15),
        root_hz=110.0,
        decay_s=0.18,
        strokes_s=(0.0,),
        noise=0.6,
        pulse_hz=1.0,
    ),
    Genre(
        name="folk",
        foreground=(255, 225, 130),
        background=(110, 60, 20),
        shape="ring",
        pattern="plain",
        harmonics=(1.0, 0.8, 0.5, 0.3, 0.15),
        partials=(1.0, 2.0, 3.0, 4.0, 5.0),
        scale=(0, 2, 4, 5, 7, 9, 10, 12),
        root_hz=196.0,
        decay_s=0.25,
        strokes_s=(0.0, 0.012, 0.024),
        noise=0.1,
        pulse_hz=0.0,
    ),
    Genre(
        name="jazz",
        foreground=(255, 90, 60),
        background=(10, 80, 75),
        shape="cross",
        pattern="rings",
        harmonics=(1.0, 0.1, 0.4, 0.05, 0.2),
        partials=(1.0, 1.26, 1.498, 1.888, 2.0),
        scale=(0, 2, 3, 5, 7, 9, 10, 12),
        root_hz=220.0,
        decay_s=0.3,
        strokes_s=(0.0,),
        noise=0.25,
        pulse_hz=0.7,
    ),
)


def genre_named(name: str) -> Genre:
    """Finds a genre.

    Raises:
        ValueError: no genre has this name.
    """
    for genre in GENRES:
        if genre.name == name:
            return genre
    raise ValueError(f"genre ({name!r}) is unknown: choose one of {', '.join(genre.name for genre in GENRES)}")
