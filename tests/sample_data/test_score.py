from itertools import pairwise

import numpy as np
import pytest

from vmas_pipeline.sample_data.harmony import Key
from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.score import Score, compose, describe
from vmas_pipeline.sample_data.styles import STYLES, Style, style_named
from vmas_pipeline.sample_data.timeline import Timeline, draw_timeline

EACH_STYLE = pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)


def composed(style: Style, seed: int) -> tuple[Timeline, Score]:
    random = np.random.default_rng(seed)
    timeline = draw_timeline(10.0, random, beat_s=style.beat_s, metres=style.metres)
    return timeline, compose(style, timeline, random)


def drawn(style: Style, *events: tuple[float, float]) -> Score:
    """The score of events given as (time in s, strength); bars of four beats of half a second begin at 0.5 s."""
    times, strengths = np.array(events).T
    all_of_them = np.full(len(events), True)
    timeline = Timeline(
        duration_s=10.0,
        beat_s=0.5,
        beats_per_bar=4,
        first_beat_s=0.5,
        first_in_bar=0,
        times_s=times,
        strengths=strengths,
        seen=all_of_them,
        heard=all_of_them,
    )
    return compose(style, timeline, np.random.default_rng(0))


def played(score: Score, start_s: float) -> set[str]:
    return {note.instrument for note in score.notes if abs(note.start_s - start_s) < 0.05}


@EACH_STYLE
def test_the_same_random_numbers_give_the_same_score(style: Style) -> None:
    assert composed(style, 3)[1] == composed(style, 3)[1]
    assert composed(style, 3)[1] != composed(style, 4)[1]


@EACH_STYLE
def test_notes_are_in_the_key_and_within_their_registers(style: Style) -> None:
    for seed in range(20):
        score = composed(style, seed)[1]
        pitches = [note.pitch for note in score.notes if INSTRUMENTS[note.instrument].drum is None]
        assert {pitch % 12 for pitch in pitches} <= set(score.key.classes)
        assert min(pitches) >= 36 and max(pitches) <= 96
        assert score.key.tonic in style.tonics


@EACH_STYLE
def test_something_starts_at_every_heard_event_and_nothing_between_but_the_pad(style: Style) -> None:
    for seed in range(20):
        timeline, score = composed(style, seed)
        heard = timeline.times_s[timeline.heard]
        starts = np.array([note.start_s for note in score.notes if note.instrument != style.band.pad])
        after = starts[:, None] - heard  # seconds, [notes, events]
        assert ((after >= 0) & (after < 0.05)).any(axis=1).all()
        assert ((after >= 0) & (after < 0.05)).any(axis=0).all()


@EACH_STYLE
def test_chords_change_at_heard_events(style: Style) -> None:
    changes = 0
    for seed in range(20):
        timeline, score = composed(style, seed)
        times = [chord.start_s for chord in score.chords]
        assert times[0] == 0 and set(times[1:]) <= set(timeline.times_s[timeline.heard])
        changes += len(times) - 1
    assert changes > 30


@EACH_STYLE
def test_the_pad_plays_its_chord_without_a_gap(style: Style) -> None:
    score = composed(style, 5)[1]
    pads = [note for note in score.notes if note.instrument == style.band.pad]
    for time_s in np.arange(0.05, 10, 0.1):
        chord = [chord for chord in score.chords if chord.start_s <= time_s][-1]
        held = {note.pitch % 12 for note in pads if note.start_s <= time_s < note.start_s + note.duration_s}
        assert held == set(chord.harmony.classes)


@EACH_STYLE
def test_the_first_event_of_a_bar_brings_the_next_chord(style: Style) -> None:
    score = drawn(style, (0.5, 0.5), (1.5, 0.5), (3.0, 0.5), (3.5, 0.5), (7.0, 0.5))  # bars begin at 0.5, 2.5, 4.5, 6.5
    harmonies = [chord.harmony for chord in score.chords]
    assert [chord.start_s for chord in score.chords][1:] in ([3.0, 7.0], [7.0])  # a progression may repeat a chord
    assert all(first != second for first, second in pairwise(harmonies))


@EACH_STYLE
def test_a_stronger_event_is_higher_louder_and_played_by_more(style: Style) -> None:
    score = drawn(style, (1.0, 0.4), (1.5, 0.7), (2.0, 1.0))
    by_time = {time_s: played(score, time_s) for time_s in (1.0, 1.5, 2.0)}
    assert len(by_time[1.0]) < len(by_time[1.5]) <= len(by_time[2.0])
    lead = {note.start_s: note for note in score.notes if note.instrument == style.band.lead}
    weak, strong = lead[min(lead)], lead[max(lead)]
    assert strong.pitch > weak.pitch and strong.velocity > weak.velocity


def test_the_last_beat_of_a_bar_is_filled_by_strokes_within_one_onset() -> None:
    score = drawn(style_named("techno"), (2.0, 0.9))
    claps = [note.start_s for note in score.notes if note.instrument == "clap"]
    assert len(claps) == 3 and claps[-1] - claps[0] < 0.035


@EACH_STYLE
def test_the_description_names_genre_key_tempo_and_instruments(style: Style) -> None:
    score = drawn(style, (1.0, 1.0), (3.0, 1.0))
    text = describe(score, style)
    assert text.startswith(
        f"Calm, {style.mood} {style.name} piece in {score.key.name}, 120 beats per minute, 4/4, with "
    )
    assert "\n" not in text
    assert all(INSTRUMENTS[note.instrument].text in text for note in score.notes)


def test_the_description_tells_lively_music_from_calm() -> None:
    style = style_named("folk")
    assert describe(drawn(style, *((0.5 + 0.3 * index, 0.5) for index in range(30))), style).startswith(
        "Lively, warm folk"
    )


def test_keys_and_chords_have_their_usual_names() -> None:
    key = Key(tonic=9, mode="minor")
    assert key.name == "A minor" and key.classes == (9, 11, 0, 2, 4, 5, 7)
    assert [key.harmony(degree, 3).name for degree in range(7)] == ["Am", "Bdim", "C", "Dm", "Em", "F", "G"]
    assert [Key(tonic=5, mode="major").harmony(degree, 4).name for degree in (0, 1, 4)] == ["Fmaj7", "Gm7", "C7"]


def test_an_unknown_style_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"genre \('polka'\) is unknown: choose one of ambient, chiptune"):
        style_named("polka")
