import numpy as np
import pytest

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.synthesis import Synthetic, synthesise

FRAME_RATE = 9.6


def small(seed: int, genre: str | None = None) -> Synthetic:
    return synthesise(seed, genre, duration_s=5, frame_rate=FRAME_RATE, size=32)


def seen_peaks(frames: np.ndarray) -> np.ndarray:
    return flow_peaks(mean_flow(frames), FRAME_RATE)


def alignment(onsets: np.ndarray, peaks: np.ndarray) -> float:
    free, matched = list(peaks), 0
    for onset in onsets:
        near = [peak for peak in free if abs(peak - onset) <= 1 / FRAME_RATE]
        if near:
            free.remove(min(near, key=lambda peak: abs(peak - onset)))
            matched += 1
    return matched / max(1, len(onsets) + len(peaks) - matched)


def test_the_same_seed_gives_the_same_film() -> None:
    first, second = small(5), small(5)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.waveform, second.waveform)
    assert not np.array_equal(first.waveform, small(6).waveform)


def test_shapes_types_and_ranges() -> None:
    film = synthesise(0, duration_s=2, frame_rate=24, size=64)
    assert (len(film.frames), min(film.frames.shape[1:3]), film.frames.dtype) == (48, 64, np.uint8)
    assert (film.waveform.shape, film.waveform.dtype) == ((32_000,), np.float32)
    assert 0.05 < np.abs(film.waveform).max() <= 1


def test_events_do_not_depend_on_rates_and_sizes() -> None:
    coarse, fine = small(7), synthesise(7, duration_s=5, frame_rate=48, size=64, sample_rate=44_100)
    np.testing.assert_array_equal(coarse.audio_events_s, fine.audio_events_s)
    np.testing.assert_array_equal(coarse.video_events_s, fine.video_events_s)
    assert coarse.score == fine.score


def test_events_are_the_timelines_and_the_score_is_played_at_them() -> None:
    film = small(7)
    timeline = film.timeline
    np.testing.assert_array_equal(film.events_s, np.intersect1d(film.audio_events_s, film.video_events_s))
    np.testing.assert_array_equal(film.audio_events_s, timeline.times_s[timeline.heard])
    np.testing.assert_array_equal(film.video_events_s, timeline.times_s[timeline.seen])
    assert set(film.audio_events_s) <= {note.start_s for note in film.score.notes}
    assert film.genre in film.description and film.score.key.name in film.description


def test_more_events_mean_more_notes() -> None:
    films = [small(seed, "jazz") for seed in range(30)]
    events, notes = (
        [len(part) for part in parts] for parts in zip(*((f.audio_events_s, f.score.notes) for f in films))
    )
    assert np.corrcoef(events, notes)[0, 1] > 0.8


def test_events_are_seen_and_heard_with_few_exceptions() -> None:
    films = [small(seed) for seed in range(12)]
    shared = sum(len(film.events_s) for film in films)
    assert shared / sum(len(film.audio_events_s) for film in films) > 0.88
    assert shared / sum(len(film.video_events_s) for film in films) > 0.88
    for film in films:
        np.testing.assert_array_equal(film.events_s, np.intersect1d(film.audio_events_s, film.video_events_s))


def test_genres_look_and_sound_apart() -> None:
    films = [small(1, genre) for genre in GENRES]
    assert [film.genre for film in films] == list(GENRES)
    colours = np.stack([film.frames.mean(axis=(0, 1, 2)) for film in films])
    hues = colours / colours.sum(axis=1, keepdims=True)
    gaps = np.linalg.norm(hues[:, None] - hues[None], axis=2)
    assert gaps[~np.eye(len(GENRES), dtype=bool)].min() > 0.05


def test_picture_and_music_align_and_a_wrong_pairing_does_not() -> None:
    films = [small(seed) for seed in range(16)]
    peaks = [seen_peaks(film.frames) for film in films]
    onsets = [onset_times(film.waveform, 16_000) for film in films]
    true = np.mean([alignment(*pair) for pair in zip(onsets, peaks)])
    shuffled = np.mean([alignment(*pair) for pair in zip(onsets, peaks[1:] + peaks[:1])])
    assert true > 0.55
    assert shuffled < 0.3


def test_an_unknown_genre_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"genre \('polka'\) is unknown: choose one of ambient, chiptune"):
        synthesise(0, "polka")


def test_a_length_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"duration_s \(0\) must be positive"):
        synthesise(0, duration_s=0)
