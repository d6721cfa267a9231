"""What each of the five genres determines in the music."""

from dataclasses import dataclass

from vmas_pipeline.sample_data.genres import of_genre


@dataclass(frozen=True, kw_only=True)
class Band:
    """The instruments that play each part, by name in `INSTRUMENTS`."""

    lead: str
    pad: str
    bass: str
    chord: str
    light: str
    """Percussion of every event."""
    backbeat: str | None
    """Percussion of accents off the strong beats, and of fills."""
    kick: str | None
    """Percussion of strong accents, which plays the root."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """The sound of a genre."""

    name: str
    mood: str
    """Adjective in descriptions."""
    beat_s: tuple[float, float]
    """Range of the time between beats."""
    metres: tuple[int, ...]
    """Beats per bar to choose from."""
    tonics: tuple[int, ...]
    """Pitch classes of the keys to choose from."""
    mode: str
    """One of `harmony.MODES`."""
    progressions: tuple[tuple[int, ...], ...]
    """Degrees of the scale that chords stand on, one to a bar, repeated."""
    chord_size: int
    """Notes of a chord."""
    band: Band
    lead_low: int
    """The lead's lowest MIDI pitch; it uses an octave and the notes of the chord just above it."""
    chord_low: int
    """Lowest MIDI pitch of chords and pad, which use one octave."""
    bass_low: int
    """The bass's lowest MIDI pitch; it uses one octave."""
    lead_s: float
    """Maximum duration of a note of the lead."""
    strum_s: float = 0.0
    """Time between the notes of a struck chord, far shorter than an onset."""
    grace: bool = False
    """The lead's notes begin an octave lower, for less than an onset."""


STYLES: tuple[Style, ...] = (
    Style(
        name="ambient",
        mood="dreamy",
        beat_s=(0.65, 0.8),
        metres=(4,),
        tonics=(0, 5),
        mode="major",
        progressions=((0, 5, 3, 0), (0, 3), (0, 2, 3, 5)),
        chord_size=4,
        band=Band(
            lead="glass bells",
            pad="soft pad",
            bass="sub bass",
            chord="harp",
            light="shaker",
            backbeat=None,
            kick=None,
        ),
        lead_low=72,
        chord_low=53,
        bass_low=38,
        lead_s=3.0,
    ),
    Style(
        name="chiptune",
        mood="playful",
        beat_s=(0.54, 0.64),
        metres=(4,),
        tonics=(0, 7),
        mode="major",
        progressions=((0, 4, 5, 3), (0, 3, 4, 4), (5, 3, 0, 4)),
        chord_size=3,
        band=Band(
            lead="square lead",
            pad="pulse pad",
            bass="triangle bass",
            chord="square chord",
            light="noise hat",
            backbeat="noise snare",
            kick="blip kick",
        ),
        lead_low=72,
        chord_low=55,
        bass_low=41,
        lead_s=0.6,
        grace=True,
    ),
    Style(
        name="techno",
        mood="driving",
        beat_s=(0.52, 0.56),
        metres=(4,),
        tonics=(9, 2),
        mode="minor",
        progressions=((0, 5, 2, 6), (0, 0, 5, 6), (0, 3, 0, 6)),
        chord_size=3,
        band=Band(
            lead="saw lead",
            pad="dark pad",
            bass="saw bass",
            chord="stab",
            light="closed hat",
            backbeat="clap",
            kick="drum machine kick",
        ),
        lead_low=60,
        chord_low=52,
        bass_low=36,
        lead_s=0.5,
    ),
    Style(
        name="folk",
        mood="warm",
        beat_s=(0.55, 0.72),
        metres=(3, 4),
        tonics=(7, 2),
        mode="major",
        progressions=((0, 3, 4, 0), (0, 4, 5, 3), (5, 3, 0, 4)),
        chord_size=3,
        band=Band(
            lead="flute",
            pad="harmonium",
            bass="plucked bass",
            chord="guitar",
            light="shaker",
            backbeat=None,
            kick="frame drum",
        ),
        lead_low=74,
        chord_low=55,
        bass_low=40,
        lead_s=1.2,
        strum_s=0.011,
    ),
    Style(
        name="jazz",
        mood="smoky",
        beat_s=(0.53, 0.7),
        metres=(4, 4, 3),
        tonics=(5, 10),
        mode="major",
        progressions=((1, 4, 0, 5), (0, 5, 1, 4), (2, 5, 1, 4)),
        chord_size=4,
        band=Band(
            lead="electric piano",
            pad="organ",
            bass="double bass",
            chord="piano chord",
            light="ride",
            backbeat="brush",
            kick="soft kick",
        ),
        lead_low=67,
        chord_low=54,
        bass_low=38,
        lead_s=1.2,
    ),
)


def style_named(name: str) -> Style:
    """The style of a genre.

    Raises:
        ValueError: no genre has this name.
    """
    return of_genre(name, STYLES)
