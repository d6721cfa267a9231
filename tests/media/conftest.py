"""Videos of many kinds, small, made by PyAV or by FFmpeg's program and not by the module under test."""

import functools
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

FilmMaker = Callable[..., Path]

RAMP = r"color=black:s=64x48:r=25:d={},geq=lum='20+2*mod(N\,100)':cb=128:cr=128"
"""FFmpeg's source of frames that encode their number modulo 100, 25 per second; {} takes the seconds."""

CLICKS = r"aevalsrc=0.8*sin(2*PI*1000*t)*lt(mod(t-0.5\,1)\,0.02):s=48000:d={}"
"""Its source of sound: 20 ms of 1 kHz half a second after each second."""


def ffmpeg(*arguments: str | Path) -> None:
    """Runs FFmpeg's program, quietly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (command, done.stderr)


def ramp_film(path: Path, seconds: float, *encoding: str, sound: str | None = "aac") -> Path:
    """A video of `RAMP` and `CLICKS`."""
    sources = ["-f", "lavfi", "-i", RAMP.format(seconds)]
    if sound:
        sources += ["-f", "lavfi", "-i", CLICKS.format(seconds)]
    ffmpeg("-threads", "1", *sources, *encoding, *(("-c:a", sound) if sound else ()), path)
    return path


def ramp_numbers(frames: np.ndarray) -> list[int]:
    """Reads the numbers modulo 100 back from frames [T, H, W, 3] of `RAMP`."""
    grey = frames.astype(float).mean((1, 2, 3))
    return [round(value) for value in (grey * 219 / 255 + 16 - 20) / 2]


def click_times(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Where the clicks of [N] begin, in seconds."""
    loud = np.flatnonzero(np.abs(waveform) > 0.2)
    return loud[np.diff(loud, prepend=-sample_rate) > sample_rate // 10] / sample_rate


@functools.cache
def picture_hashes(path: Path, stream: str = "0:V:0") -> tuple[str, ...]:
    """MD5 of each frame that FFmpeg's program shows, with one thread: its Theora decoder races with more."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-threads", "1"]
    command += ["-i", f"file:{path}", "-map", stream]
    done = subprocess.run([*command, "-fps_mode", "passthrough", "-f", "framemd5", "-"], capture_output=True, text=True)
    rows = [line.split(",") for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return tuple(row[5].strip() for row in rows)


def grey_ramp(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames whose brightness encodes their number: 20, 25, 30, ... [T, H, W, 3]."""
    levels = 20 + 5 * np.arange(count)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).astype(np.uint8)


def frame_numbers(frames: np.ndarray) -> list[int]:
    """Reads the numbers back from `grey_ramp` frames."""
    return [round((float(frame.mean()) - 20) / 5) for frame in frames]


@pytest.fixture
def make_film(tmp_path: Path) -> FilmMaker:
    """Writes a video: any container, codecs, pixel format, timestamps, rotation, with or without audio."""

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
