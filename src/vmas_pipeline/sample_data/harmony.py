"""Keys and chords in equal temperament, as numbers of semitones."""

from dataclasses import dataclass

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Name of each pitch class; class 0 is C."""

MODES: dict[str, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
"""Semitones of each scale above its tonic."""

_QUALITIES: dict[tuple[int, ...], str] = {
    (0, 4, 7): "",
    (0, 3, 7): "m",
    (0, 3, 6): "dim",
    (0, 4, 7, 11): "maj7",
    (0, 4, 7, 10): "7",
    (0, 3, 7, 10): "m7",
    (0, 3, 6, 10): "m7b5",
}


@dataclass(frozen=True, kw_only=True)
class Harmony:
    """A chord without its time."""

    name: str
    """Such as Am7."""
    classes: tuple[int, ...]
    """Pitch classes, root first."""

    @property
    def root(self) -> int:
        """Pitch class of its root."""
        return self.classes[0]

    def within(self, low: int) -> list[int]:
        """Its notes from the MIDI pitch `low` to the one below its octave, ascending."""
        return sorted(low + (pitch_class - low) % 12 for pitch_class in self.classes)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A tonic and a scale on it."""

    tonic: int
    """Pitch class."""
    mode: str
    """One of `MODES`."""

    @property
    def name(self) -> str:
        """Such as A minor."""
        return f"{NAMES[self.tonic]} {self.mode}"

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes of its scale, from the tonic up."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    def harmony(self, degree: int, size: int) -> Harmony:
        """Stacks every other note of the scale on one of them.

        Args:
            degree: 0 for the tonic, up to 6.
            size: number of notes, 3 or 4.
        """
        classes = tuple(self.classes[(degree + 2 * member) % 7] for member in range(size))
        quality = _QUALITIES[tuple((pitch_class - classes[0]) % 12 for pitch_class in classes)]
        return Harmony(name=NAMES[classes[0]] + quality, classes=classes)
