"""Synthetic music videos: picture and music share a genre and a timeline of events, and nothing else."""

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.genres import GENRES, genre_named
from vmas_pipeline.sample_data.music import perform
from vmas_pipeline.sample_data.picture import choose_places, draw
from vmas_pipeline.sample_data.score import Score, compose, describe
from vmas_pipeline.sample_data.styles import style_named
from vmas_pipeline.sample_data.timeline import Timeline, draw_timeline


@dataclass(frozen=True, kw_only=True, eq=False)
class Synthetic:
    """A synthetic music video with its ground truth."""

    frames: np.ndarray  # uint8 [T, H, W, 3]
    waveform: np.ndarray  # float32 [N] in [-1, 1]
    genre: str
    beats_s: np.ndarray  # float64 [B] every beat
    events_s: np.ndarray  # float64 [E] seen and heard
    audio_events_s: np.ndarray  # float64 [A] heard, including the shared ones
    video_events_s: np.ndarray  # float64 [V] seen, including the shared ones
    timeline: Timeline
    score: Score
    description: str
    """One line about the music: genre, mood, key, tempo, metre, instruments."""


def synthesise(
    seed: int,
    genre: str | None = None,
    *,
    duration_s: float = 10.0,
    frame_rate: float = 24.0,
    size: int = 64,
    sample_rate: int = 16_000,
) -> Synthetic:
    """Generates one music video, deterministically.

    At a seen event the shape jumps, at a heard one the music has an accent. The same seed gives the same events and
    notes at any frame rate, size and sample rate.

    Args:
        seed: for all randomness.
        genre: one of `GENRES`, or None to choose one at random.
        duration_s: length in seconds, positive.
        frame_rate: frames per second, positive.
        size: side of the picture in pixels.
        sample_rate: of the music, in Hz.

    Raises:
        ValueError: an unknown genre, or a length or rate that is not positive.
    """
    positive = {"duration_s": duration_s, "frame_rate": frame_rate, "size": size, "sample_rate": sample_rate}
    for name, value in positive.items():
        if value <= 0:
            raise ValueError(f"{name} ({value}) must be positive")
    events, look, sound = (np.random.default_rng([seed, part]) for part in range(3))
    drawn = GENRES[events.integers(len(GENRES))]
    film_genre = genre_named(genre) if genre else drawn
    style = style_named(film_genre.name)
    timeline = draw_timeline(duration_s, events, beat_s=style.beat_s, metres=style.metres)
    seen, heard = timeline.times_s[timeline.seen], timeline.times_s[timeline.heard]
    score = compose(style, timeline, sound)
    frames = draw(
        film_genre,
        seen,
        choose_places(len(seen), look),
        frames=round(duration_s * frame_rate),
        frame_rate=frame_rate,
        size=size,
        random=look,
    )
    return Synthetic(
        frames=frames,
        waveform=perform(score, samples=round(duration_s * sample_rate), sample_rate=sample_rate),
        genre=style.name,
        beats_s=timeline.beats_s,
        events_s=timeline.times_s[timeline.seen & timeline.heard],
        audio_events_s=heard,
        video_events_s=seen,
        timeline=timeline,
        score=score,
        description=describe(score, style),
    )
