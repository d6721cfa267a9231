"""Synthetic music videos: picture and music share a genre and events, and nothing else."""

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.genres import GENRES, genre_named
from vmas_pipeline.sample_data.looks import look_named
from vmas_pipeline.sample_data.music import play
from vmas_pipeline.sample_data.picture import Photograph, plan_film, render
from vmas_pipeline.sample_data.timeline import draw_timeline


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

    A timeline says when something happens; at a shared event something moves in the picture and a note sounds. The
    same seed gives the same content at any frame rate, size and sample rate.

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
    score, look, sound = (np.random.default_rng([seed, part]) for part in range(3))
    drawn = GENRES[score.integers(len(GENRES))]
    style = genre_named(genre) if genre else drawn
    timeline = draw_timeline(duration_s, score)
    seen, heard = timeline.seen, timeline.heard
    heights = score.uniform(0, 1, len(timeline.times_s))
    film = plan_film(look_named(style.name), timeline, look)
    return Synthetic(
        frames=render(film, frame_rate=frame_rate, size=size),
        photographs=film.photographs,
        waveform=play(
            style,
            timeline.times_s[heard],
            heights[heard],
            samples=round(duration_s * sample_rate),
            sample_rate=sample_rate,
            random=sound,
        ),
        genre=style.name,
        beats_s=timeline.beats_s,
        events_s=timeline.times_s[seen & heard],
        audio_events_s=timeline.times_s[heard],
        video_events_s=timeline.times_s[seen],
    )
