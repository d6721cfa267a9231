"""Synthetic music videos: picture and music share a genre and a timeline of events, and nothing else."""

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.looks import look_named
from vmas_pipeline.sample_data.music import perform
from vmas_pipeline.sample_data.picture import Photograph, plan_film, render
from vmas_pipeline.sample_data.score import Score, compose, describe
from vmas_pipeline.sample_data.styles import style_named
from vmas_pipeline.sample_data.timeline import Timeline, draw_timeline


@dataclass(frozen=True, kw_only=True, eq=False)
class Synthetic:
    """A synthetic music video with its ground truth."""

    frames: np.ndarray  # uint8 [T, H, W, 3]
    photographs: tuple[Photograph, ...]  # in the picture, to be credited
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

    A timeline says when something happens. At a seen event something moves in the picture, at a heard one the music has
    an accent. The same seed gives the same content at any frame rate, size and sample rate.

    Args:
        seed: for all randomness.
        genre: one of `GENRES`, or None to choose one at random.
        duration_s: length in seconds, positive.
        frame_rate: frames per second, positive.
        size: short side of the picture in pixels; its aspect ratio is drawn.
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
    style = style_named(genre or drawn)
    timeline = draw_timeline(duration_s, events, beat_s=style.beat_s, metres=style.metres)
    film, score = plan_film(look_named(style.name), timeline, look), compose(style, timeline, sound)
    return Synthetic(
        frames=render(film, frame_rate=frame_rate, size=size),
        photographs=film.photographs,
        waveform=perform(score, samples=round(duration_s * sample_rate), sample_rate=sample_rate),
        genre=style.name,
        beats_s=timeline.beats_s,
        events_s=timeline.times_s[timeline.seen & timeline.heard],
        audio_events_s=timeline.times_s[timeline.heard],
        video_events_s=timeline.times_s[timeline.seen],
        timeline=timeline,
        score=score,
        description=describe(score, style),
    )
