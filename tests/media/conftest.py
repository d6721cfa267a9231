"""Films of many kinds, small, written with PyAV itself and not with the module under test."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

FilmMaker = Callable[..., Path]


def grey_ramp(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames whose brightness tells their number: 20, 25, 30, ... [T, H, W, 3]."""
    levels = 20 + 5 * np.arange(count)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).astype(np.uint8)


def frame_numbers(frames: np.ndarray) -> list[int]:
    """Reads the numbers back from `grey_ramp` frames."""
    return [round((float(frame.mean()) - 20) / 5) for frame in frames]


@pytest.fixture
def make_film(tmp_path: Path) -> FilmMaker:
    """Writes a film: any container, codecs, pixel format, time stamps, rotation, sound or none."""

    def make(
        name: str = "film.mp4",
        *,
        frames: np.ndarray | None = None,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rate: int = 24,
        ticks: list[int] | None = None,
        sound_codec: str | None = "aac",
        sound: np.ndarray | None = None,
        sample_rate: int = 48_000,
        layout: str = "mono",
        rotation: int = 0,
        picture_options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        frames = grey_ramp(24) if frames is None else frames
        path = tmp_path / name
        with av.open(str(path), "w", options=container_options or {}) as container:
            picture = container.add_stream(codec, rate=rate, options=picture_options or {})
            picture.height, picture.width, picture.pix_fmt = frames.shape[1], frames.shape[2], pix_fmt
            picture.codec_context.time_base = Fraction(1, 1000) if ticks else Fraction(1, rate)
            if rotation:
                picture.set_display_rotation(rotation)
            track = container.add_stream(sound_codec, rate=sample_rate, layout=layout) if sound_codec else None
            for index, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts = ticks[index] if ticks else index
                frame.time_base = picture.codec_context.time_base
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
            if track:
                channels = len(track.layout.channels)
                if sound is None:
                    sound = np.zeros((channels, sample_rate * len(frames) // rate), dtype=np.float32)
                resampler = av.AudioResampler(
                    track.format.name, layout, sample_rate, frame_size=track.frame_size or 1024
                )
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
                for part in [*resampler.resample(frame), *resampler.resample(None)]:
                    container.mux(track.encode(part))
                container.mux(track.encode(None))
        return path

    return make
