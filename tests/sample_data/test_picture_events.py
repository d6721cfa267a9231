"""What optical flow sees of the events of synthetic films."""

from functools import cache

import numpy as np
import pytest

from vmas_pipeline.evaluation.alignment import matched_pairs
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.sample_data.looks import LOOKS
from vmas_pipeline.sample_data.picture import film as films
from vmas_pipeline.sample_data.picture import plan_film, render
from vmas_pipeline.sample_data.picture.happenings import KINDS
from vmas_pipeline.sample_data.timeline import Timeline, draw_timeline

RATE = 9.6


def timeline(times_s: np.ndarray, duration_s: float = 5.0) -> Timeline:
    count = len(times_s)
    return Timeline(
        duration_s=duration_s,
        beat_s=0.5,
        beats_per_bar=4,
        first_beat_s=0.2,
        first_in_bar=0,
        times_s=times_s,
        strengths=np.linspace(0.4, 1.0, count),
        seen=np.ones(count, bool),
        heard=np.ones(count, bool),
    )


def flow_of(film: films.Film) -> np.ndarray:
    """Mean flow of the central square, as the pipeline reads it."""
    frames = render(film, frame_rate=RATE, size=64)
    top, left = ((side - 64) // 2 for side in frames.shape[1:3])
    return mean_flow(frames[:, top : top + 64, left : left + 64])


@pytest.mark.parametrize("kind", ["cut", *KINDS])
def test_every_kind_of_event_makes_a_peak(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {kind: 1.0}
    monkeypatch.setattr(films, "_choose_repertoire", lambda cuts, _: wanted if cuts or kind != "cut" else {})
    events, seen = np.arange(0.7, 4.6, 0.83), []
    for seed in range(10):
        film = plan_film(LOOKS[seed % 5], timeline(events), np.random.default_rng(seed))
        if kind in film.kinds:
            found = {index for index, _ in matched_pairs(events, flow_peaks(flow_of(film), RATE), RATE)}
            seen += [index in found for index, name in enumerate(film.kinds) if name == kind]
    assert len(seen) >= 5
    assert np.mean(seen) >= 0.7


@pytest.mark.parametrize("kind", ["zoom", "turn"])
def test_a_stronger_event_moves_more(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_choose_repertoire", lambda cuts, _: {kind: 1.0})
    weak, strong = [], []
    for seed in range(10):
        film = plan_film(LOOKS[seed % 5], timeline(np.array([1.0, 3.0])), np.random.default_rng(seed))
        if film.kinds == [kind, kind]:
            flow = flow_of(film)
            weak.append(flow[7:13].max())
            strong.append(flow[26:32].max())
    assert np.mean(strong) > 1.1 * np.mean(weak)


@cache
def measured() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Events, peaks and flow of ordinary films of 5 s."""
    rows = []
    for seed in range(24):
        drawn = draw_timeline(5.0, np.random.default_rng([seed, 0]))
        flow = flow_of(plan_film(LOOKS[seed % 5], drawn, np.random.default_rng([seed, 1])))
        rows.append((drawn.times_s[drawn.seen], flow_peaks(flow, RATE), flow))
    return rows


def test_peaks_are_the_events() -> None:
    scores, spurious, total = [], 0, 0
    for events, peaks, _ in measured():
        matched = len(matched_pairs(events, peaks, RATE))
        scores.append(2 * matched / max(1, len(events) + len(peaks)))
        spurious, total = spurious + len(peaks) - matched, total + len(peaks)
    assert np.mean(scores) > 0.85
    assert spurious / total < 0.12


def test_something_moves_between_events_in_many_films() -> None:
    floors = [np.median(flow) / flow.max() for _, _, flow in measured()]
    assert np.mean([floor > 0.1 for floor in floors]) > 0.3
    assert np.mean([floor < 0.06 for floor in floors]) > 0.1


def test_calm_stretches_have_no_peaks() -> None:
    calm = 0
    for seed in range(6):
        film = plan_film(LOOKS[seed % 5], timeline(np.array([0.5, 4.4])), np.random.default_rng(seed))
        peaks = flow_peaks(flow_of(film), RATE)
        calm += int(((peaks > 0.8) & (peaks < 4.1)).any())
    assert calm <= 1
