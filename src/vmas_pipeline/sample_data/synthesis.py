"""Synthetic music videos: picture and music share a genre and events, and nothing else."""

from dataclasses import dataclass

import numpy as np

from vmas_pipeline.sample_data.genres import GENRES, genre_named
from vmas_pipeline.sample_data.music import play
from vmas_pipeline.sample_data.picture import REACH, choose_places, draw

BEAT_PERIOD_S = (0.45, 0.8)
"""Range of the time between beats."""

SHARED, AUDIO_ONLY, VIDEO_ONLY = 0.6, 0.08, 0.05
"""Probability that a beat is an event in both, in the music only, in the picture only; otherwise it is silent.

A perfect pairing then scores 0.6 / 0.73 = 0.82 in MV Align.
"""


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

    A beat comes every 0.45 to 0.8 s. At a shared event the shape jumps and a note sounds; the higher the shape
    lands, the higher the note. The same seed gives the same events at any frame rate, size and sample rate.

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
    score, look, sound = (np.random.default_rng([seed, part]) for part in range(3))
    drawn = GENRES[score.integers(len(GENRES))]
    style = genre_named(genre) if genre else drawn
    beats = _beats(duration_s, score)
    kinds = score.choice(4, size=len(beats), p=[SHARED, AUDIO_ONLY, VIDEO_ONLY, 1 - SHARED - AUDIO_ONLY - VIDEO_ONLY])
    seen, heard = (kinds == 0) | (kinds == 2), (kinds == 0) | (kinds == 1)
    places = choose_places(int(seen.sum()), look)
    heights = score.uniform(0, 1, len(beats))
    heights[seen] = (REACH[1] - places[1:, 1]) / (REACH[1] - REACH[0])  # y points down
    return Synthetic(
        frames=draw(
            style,
            beats[seen],
            places,
            frames=round(duration_s * frame_rate),
            frame_rate=frame_rate,
            size=size,
            random=look,
        ),
        waveform=play(
            style,
            beats[heard],
            heights[heard],
            samples=round(duration_s * sample_rate),
            sample_rate=sample_rate,
            random=sound,
        ),
        genre=style.name,
        beats_s=beats,
        events_s=beats[kinds == 0],
        audio_events_s=beats[heard],
        video_events_s=beats[seen],
    )


def _beats(duration_s: float, random: np.random.Generator) -> np.ndarray:
    """Times of the beats: one period per video, a random start, none in the last tenth of a second."""
    period = random.uniform(*BEAT_PERIOD_S)
    return np.arange(random.uniform(0.15, 0.15 + period), duration_s - 0.1, period)
