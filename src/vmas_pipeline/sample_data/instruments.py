"""The instruments of the synthetic music: partials on the twelve-tone scale, and bands of noise."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """How an instrument sounds and what MIDI calls it."""

    text: str
    """In a description."""
    program: int
    """General MIDI program, from 0."""
    level: float
    """Peak of a note of velocity 1, about."""
    partials: tuple[tuple[int, float], ...] = ()
    """Semitones above the note, and amplitude: on the scale, so that no chord of them beats."""
    attack_s: float = 0.004
    release_s: float = 0.08
    """It fades this long after a note's end."""
    decay_s: float = math.inf
    """Time in which the lowest partial falls to 1/e."""
    damping: float = 0.0
    """How much faster higher partials decay, per octave."""
    strike: float = 0.0
    """Level of the noise at the attack."""
    strike_s: float = 0.012
    """Its decay to 1/e."""
    band_hz: tuple[float, float] = (1_000.0, 7_000.0)
    """Its lowest and highest frequency."""
    drum: int | None = None
    """Key on General MIDI's drum channel, of an instrument without pitch."""
    rings: bool = False
    """Sounds out whatever its note's duration."""


def _noise(
    text: str, drum: int, *, level: float, strike_s: float, band_hz: tuple[float, float], attack_s: float = 0.003
) -> Instrument:
    """A drum without pitch."""
    return Instrument(
        text=text,
        program=0,
        level=level,
        attack_s=attack_s,
        strike=1.0,
        strike_s=strike_s,
        band_hz=band_hz,
        drum=drum,
        rings=True,
    )


_SOFT = ((0, 1.0), (12, 0.35), (19, 0.12))

INSTRUMENTS: dict[str, Instrument] = {
    "glass bells": Instrument(
        text="glass bells",
        program=98,
        level=0.31,
        partials=((0, 1.0), (12, 0.25), (24, 0.5), (36, 0.12)),
        decay_s=0.9,
        damping=0.7,
        strike=0.25,
        band_hz=(2_000, 7_000),
    ),
    "soft pad": Instrument(text="a soft pad", program=89, level=0.045, partials=_SOFT, attack_s=0.4, release_s=0.25),
    "sub bass": Instrument(
        text="sub bass", program=39, level=0.096, partials=((0, 1.0), (12, 0.4)), attack_s=0.02, decay_s=3.0
    ),
    "harp": Instrument(
        text="a harp",
        program=46,
        level=0.07,
        partials=((0, 1.0), (12, 0.4), (19, 0.2), (24, 0.1)),
        decay_s=0.6,
        damping=0.5,
        strike=0.15,
    ),
    "shaker": _noise("a shaker", 82, level=0.05, attack_s=0.008, strike_s=0.02, band_hz=(3_000, 7_500)),
    "square lead": Instrument(
        text="a square-wave lead",
        program=80,
        level=0.2,
        partials=((0, 1.0), (19, 0.33), (28, 0.12), (38, 0.11)),
        attack_s=0.003,
        decay_s=0.16,
        strike=0.1,
        strike_s=0.006,
    ),
    "pulse pad": Instrument(
        text="a pulse-wave pad", program=81, level=0.045, partials=((0, 1.0), (19, 0.33), (38, 0.11)), attack_s=0.5
    ),
    "triangle bass": Instrument(
        text="triangle-wave bass", program=38, level=0.22, partials=((0, 1.0), (19, 0.15)), attack_s=0.005, decay_s=1.2
    ),
    "square chord": Instrument(
        text="square-wave chords", program=80, level=0.08, partials=((0, 1.0), (19, 0.33), (38, 0.1)), decay_s=0.15
    ),
    "noise hat": _noise("noise drums", 42, level=0.09, strike_s=0.01, band_hz=(1_500, 7_800)),
    "noise snare": _noise("noise drums", 38, level=0.2, strike_s=0.025, band_hz=(400, 7_000)),
    "blip kick": Instrument(
        text="noise drums",
        program=118,
        level=0.3,
        partials=((0, 1.0), (12, 0.5), (19, 0.3)),
        attack_s=0.003,
        decay_s=0.05,
        rings=True,
    ),
    "saw lead": Instrument(
        text="a saw lead",
        program=81,
        level=0.2,
        partials=((0, 1.0), (12, 0.5), (19, 0.33), (24, 0.25), (31, 0.16), (36, 0.12)),
        decay_s=0.25,
        damping=0.3,
        strike=0.1,
        strike_s=0.006,
    ),
    "dark pad": Instrument(
        text="a dark pad", program=90, level=0.039, partials=((0, 1.0), (12, 0.5), (19, 0.25), (24, 0.12)), attack_s=0.5
    ),
    "saw bass": Instrument(
        text="saw bass",
        program=38,
        level=0.34,
        partials=((0, 1.0), (12, 0.6), (19, 0.35), (24, 0.25), (31, 0.15)),
        attack_s=0.004,
        decay_s=0.6,
        damping=0.6,
    ),
    "stab": Instrument(
        text="stabs",
        program=62,
        level=0.054,
        partials=((0, 1.0), (12, 0.5), (19, 0.33), (24, 0.25)),
        decay_s=0.12,
        damping=0.3,
    ),
    "drum machine kick": Instrument(
        text="a drum machine",
        program=118,
        level=0.5,
        partials=((0, 1.0),),
        attack_s=0.003,
        decay_s=0.08,
        strike=0.3,
        strike_s=0.006,
        rings=True,
    ),
    "clap": _noise("a drum machine", 39, level=0.22, strike_s=0.03, band_hz=(900, 5_000)),
    "closed hat": _noise("a drum machine", 42, level=0.1, strike_s=0.012, band_hz=(4_500, 7_800)),
    "flute": Instrument(
        text="a tin whistle",
        program=78,
        level=0.21,
        partials=((0, 1.0), (12, 0.3), (19, 0.06)),
        attack_s=0.012,
        decay_s=1.6,
        strike=0.2,
        strike_s=0.02,
        band_hz=(1_500, 6_000),
    ),
    "guitar": Instrument(
        text="a strummed guitar",
        program=24,
        level=0.096,
        partials=((0, 1.0), (12, 0.7), (19, 0.45), (24, 0.3), (28, 0.08), (31, 0.15)),
        decay_s=0.45,
        damping=0.6,
        strike=0.2,
        strike_s=0.008,
    ),
    "harmonium": Instrument(
        text="a harmonium",
        program=20,
        level=0.045,
        partials=((0, 1.0), (12, 0.6), (19, 0.25), (24, 0.15)),
        attack_s=0.4,
        release_s=0.25,
    ),
    "plucked bass": Instrument(
        text="plucked bass",
        program=32,
        level=0.17,
        partials=((0, 1.0), (12, 0.6), (19, 0.25), (24, 0.1)),
        attack_s=0.006,
        decay_s=0.7,
        damping=0.5,
    ),
    "frame drum": Instrument(
        text="a frame drum",
        program=116,
        level=0.3,
        partials=((0, 1.0), (12, 0.4)),
        attack_s=0.004,
        decay_s=0.1,
        strike=0.2,
        strike_s=0.015,
        band_hz=(300, 3_000),
        rings=True,
    ),
    "electric piano": Instrument(
        text="an electric piano",
        program=4,
        level=0.28,
        partials=((0, 1.0), (12, 0.15), (24, 0.3), (36, 0.1)),
        attack_s=0.004,
        decay_s=0.6,
        damping=0.9,
        strike=0.12,
        strike_s=0.006,
    ),
    "organ": Instrument(
        text="a mellow organ", program=16, level=0.038, partials=((0, 1.0), (12, 0.6), (19, 0.5)), attack_s=0.5
    ),
    "piano chord": Instrument(
        text="electric piano chords",
        program=4,
        level=0.042,
        partials=((0, 1.0), (12, 0.3), (24, 0.15)),
        decay_s=0.35,
        damping=0.6,
    ),
    "double bass": Instrument(
        text="double bass",
        program=32,
        level=0.11,
        partials=((0, 1.0), (12, 0.7), (19, 0.35), (24, 0.15)),
        attack_s=0.008,
        decay_s=0.5,
        damping=0.4,
        strike=0.06,
        band_hz=(500, 3_000),
    ),
    "ride": _noise("brushed drums", 51, level=0.08, strike_s=0.035, band_hz=(5_000, 7_900)),
    "brush": _noise("brushed drums", 40, level=0.12, attack_s=0.006, strike_s=0.03, band_hz=(1_500, 6_000)),
    "soft kick": Instrument(
        text="brushed drums",
        program=116,
        level=0.28,
        partials=((0, 1.0),),
        attack_s=0.005,
        decay_s=0.09,
        strike=0.1,
        band_hz=(300, 2_000),
        rings=True,
    ),
}
"""By name. The short texts of drums that belong together are the same."""
