"""Composes the music of a synthetic film: notes at the events of its timeline, over a pad without accents."""

# E heard events

from dataclasses import dataclass, replace

import numpy as np

from vmas_pipeline.sample_data.harmony import Harmony, Key
from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.styles import Style
from vmas_pipeline.sample_data.timeline import STRENGTHS, Timeline

DOWNBEAT = 0.2
"""Added to the strength of an event on the first beat of a bar, or with a new chord."""

BASS_FROM, BACKBEAT_FROM, CHORD_FROM, KICK_FROM = 0.55, 0.65, 0.7, 0.85
"""Accents from which on each part joins the lead and the light percussion."""

PAD, INNER_VOICES = 0.9, 0.5
"""Velocity of the pad, and of all voices of a chord but its root, as a fraction of the root's."""

GRACE_S = 0.025
"""Length of a grace note: too short for an onset of its own."""

_DRUM_S = 0.014
"""Duration of a stroke; two of them this far apart are one onset."""

_ONE_EVENT_S = 0.05
"""Notes closer than this belong to one event."""

_BASS_S = 6.0
_CHORD_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Note:
    """One note; pitches of drums without pitch are keys of General MIDI's drum channel."""

    start_s: float
    duration_s: float
    pitch: int
    """MIDI pitch, 69 for 440 Hz."""
    velocity: float
    """0 to 1."""
    instrument: str
    """Name in `INSTRUMENTS`."""


@dataclass(frozen=True, kw_only=True)
class Chord:
    """A chord, until the next one."""

    start_s: float
    harmony: Harmony


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a film's musicians play."""

    duration_s: float
    beat_s: float
    """Time between beats."""
    beats_per_bar: int
    key: Key
    chords: tuple[Chord, ...]
    """The first one begins with the film, the others at heard events."""
    notes: tuple[Note, ...]
    """By start."""

    @property
    def tempo(self) -> int:
        """Beats per minute, rounded."""
        return round(60 / self.beat_s)


def compose(style: Style, timeline: Timeline, random: np.random.Generator) -> Score:
    """Composes the music.

    The lead and light percussion play at every heard event: the stronger it is, the higher the lead's note. Bass,
    chord and drums join with growing accent. The first event in or after each new bar brings the next chord of the
    progression. Between events, only a pad sounds, and what has been struck.

    Args:
        style: of the genre.
        timeline: tempo, metre and events.
        random: source of the key and the progression.
    """
    key = Key(tonic=int(random.choice(style.tonics)), mode=style.mode)
    degrees = style.progressions[random.integers(len(style.progressions))]
    harmonies = [key.harmony(degree, style.chord_size) for degree in degrees]
    events = _events(timeline, harmonies)
    chords = _chords(events, harmonies[0])
    struck = [note for event in events for note in _played(style, event, timeline.beats_per_bar)]
    notes = _pad(style, chords, timeline.duration_s) + _ended(struck, timeline.duration_s)
    return Score(
        duration_s=timeline.duration_s,
        beat_s=timeline.beat_s,
        beats_per_bar=timeline.beats_per_bar,
        key=key,
        chords=tuple(chords),
        notes=tuple(sorted(notes, key=lambda note: (note.start_s, note.instrument, note.pitch))),
    )


def describe(score: Score, style: Style) -> str:
    """One line of text: genre, mood, key, tempo, metre and instruments."""
    starts = {note.start_s for note in score.notes if note.instrument == style.band.lead}
    events = len(starts) / score.duration_s  # per second
    pace = "Calm" if events < 1 else "Steady" if events < 2 else "Lively"
    played = {note.instrument for note in score.notes}
    band = style.band
    parts = (band.lead, band.chord, band.pad, band.bass, band.light, band.backbeat, band.kick)
    texts = list(dict.fromkeys(INSTRUMENTS[part].text for part in parts if part in played))
    listed = " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
    return (
        f"{pace}, {style.mood} {style.name} piece in {score.key.name}, {score.tempo} beats per minute, "
        f"{score.beats_per_bar}/4, with {listed}"
    )


@dataclass(frozen=True, kw_only=True)
class _Event:
    """A heard event and its harmony."""

    start_s: float
    strength: float
    accent: float
    """Strength, more on the downbeat and with a new chord."""
    beat: float
    """Position in its bar."""
    harmony: Harmony
    is_new: bool
    """Brings its chord."""


def _events(timeline: Timeline, harmonies: list[Harmony]) -> list[_Event]:
    parts = (timeline.bars, timeline.times_s, timeline.strengths, timeline.places)
    rows = zip(*(part[timeline.heard] for part in parts), strict=True)
    events: list[_Event] = []
    count, last_bar = 0, 0
    for bar, start_s, strength, beat in rows:
        is_new = bar > last_bar and len(harmonies) > 1
        count, last_bar = count + (bar > last_bar), bar
        accent = strength + (DOWNBEAT if beat == 0 or is_new else 0.0)
        events.append(
            _Event(
                start_s=float(start_s),
                strength=float(strength),
                accent=float(accent),
                beat=float(beat),
                harmony=harmonies[count % len(harmonies)],
                is_new=bool(is_new),
            )
        )
    return events


def _chords(events: list[_Event], first: Harmony) -> list[Chord]:
    chords = [Chord(start_s=0.0, harmony=first)]
    for event in events:
        if event.harmony != chords[-1].harmony:
            chords.append(Chord(start_s=event.start_s, harmony=event.harmony))
    return chords


def _pad(style: Style, chords: list[Chord], duration_s: float) -> list[Note]:
    """The chords held; what two chords have in common is held through."""
    held: dict[int, tuple[float, float]] = {}  # start and velocity by pitch
    notes = []
    for chord, following in zip(chords, [*chords[1:], None], strict=True):
        for pitch in chord.harmony.within(style.chord_low):
            held.setdefault(pitch, (chord.start_s, PAD * _voice(pitch, chord.harmony)))
        end_s = following.start_s if following else duration_s
        kept = following.harmony.within(style.chord_low) if following else []
        for pitch in sorted(set(held) - set(kept)):
            start_s, velocity = held.pop(pitch)
            notes.append(_note(start_s, end_s - start_s, pitch, velocity, style.band.pad))
    return notes


def _voice(pitch: int, harmony: Harmony) -> float:
    """The root is the loudest voice of a chord: what one hears first stays the same through a codec."""
    return 1.0 if (pitch - harmony.root) % 12 == 0 else INNER_VOICES


def _played(style: Style, event: _Event, beats_per_bar: int) -> list[Note]:
    """What the band plays at an event; durations are those it would have without others."""
    band, velocity = style.band, min(1.0, 0.35 + 0.65 * event.strength)
    notes = _lead(style, event, velocity)
    notes.append(_drum(band.light, event.start_s, velocity))
    root = style.bass_low + (event.harmony.root - style.bass_low) % 12
    if event.is_new or event.accent >= BASS_FROM:
        notes.append(_note(event.start_s, _BASS_S, root, velocity, band.bass))
    if event.is_new or event.accent >= CHORD_FROM:
        pitches = event.harmony.within(style.chord_low)
        starts = [event.start_s + rank * style.strum_s for rank in range(len(pitches))]
        notes += [
            _note(start, _CHORD_S, pitch, velocity * _voice(pitch, event.harmony), band.chord)
            for start, pitch in zip(starts, pitches)
        ]
    if band.kick and event.accent >= KICK_FROM:
        notes.append(_note(event.start_s, _DRUM_S, root, velocity, band.kick))
    if band.backbeat and event.beat % 2 == 1 and event.accent >= BACKBEAT_FROM:
        strokes = 3 if event.beat >= beats_per_bar - 1 else 1  # the bar's last beat is filled
        notes += [_drum(band.backbeat, event.start_s + rank * _DRUM_S, velocity) for rank in range(strokes)]
    return notes


def _lead(style: Style, event: _Event, velocity: float) -> list[Note]:
    """A note of the chord, higher for a stronger event; with its grace note in some styles."""
    ladder = event.harmony.within(style.lead_low)
    ladder.append(ladder[0] + 12)
    low, high = STRENGTHS
    rank = min(len(ladder) - 1, int((event.strength - low) / (high - low) * len(ladder)))
    pitch, name = ladder[rank], style.band.lead
    if not style.grace:
        return [_note(event.start_s, style.lead_s, pitch, velocity, name)]
    return [
        _note(event.start_s, GRACE_S, pitch - 12, velocity, name),
        _note(event.start_s + GRACE_S, style.lead_s, pitch, velocity, name),
    ]


def _ended(notes: list[Note], duration_s: float) -> list[Note]:
    """Cuts each instrument's notes at its next event, and all at the film's end."""
    starts: dict[str, list[float]] = {}
    for note in notes:
        starts.setdefault(note.instrument, []).append(note.start_s)
    later = {name: np.append(np.sort(times), duration_s) for name, times in starts.items()}
    ended = []
    for note in notes:
        times = later[note.instrument]
        until_s = times[np.searchsorted(times, note.start_s + _ONE_EVENT_S)]
        shorter = min(note.duration_s, float(until_s) - note.start_s)
        ended.append(replace(note, duration_s=shorter))
    return ended


def _note(start_s: float, duration_s: float, pitch: int, velocity: float, instrument: str) -> Note:
    return Note(start_s=start_s, duration_s=duration_s, pitch=pitch, velocity=velocity, instrument=instrument)


def _drum(name: str, start_s: float, velocity: float) -> Note:
    return _note(start_s, _DRUM_S, INSTRUMENTS[name].drum or 0, velocity, name)
