"""Reads frames and sound at the rates and sizes that a model wants, from any film."""

# T frames, H height, W width, C channels, N samples

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from vmas_pipeline.media.probe import MediaError, open_media, picture_of, sound_of, start_of

_PREROLL_S = 0.25
"""Sound is decoded from this long before the wanted start: codecs need a run-up (Opus 80 ms, AAC one frame)."""

_TOLERANCE_S = 1e-3
"""Time stamps are rounded to the container's ticks: a frame this much late (Matroska counts in ms) is on time."""


def read_frames(
    path: Path | str, *, frame_rate: float, size: int, start_s: float = 0.0, frames: int | None = None
) -> np.ndarray:
    """Reads the frames shown at `start_s + i / frame_rate`.

    A frame is shown until the next one comes, so variable frame rates need no special case; past the end the last
    frame is repeated. The display rotation is honoured, the short side is resized to `size`, the centre is cut out.

    Args:
        path: a film.
        frame_rate: frames per second, positive.
        size: side of the square frames in pixels.
        start_s: seconds after the picture's start.
        frames: how many; None reads to the end.

    Returns:
        uint8 RGB [T, size, size, 3].

    Raises:
        MediaError: "unreadable", "no_video", or "truncated" when not one frame can be decoded from `start_s` on.
    """
    with open_media(path) as container:
        picture = picture_of(container, path)
        picture.thread_type = "SLICE"
        shown = _shown(_timed_frames(container, picture, start_s), frame_rate, start_s, frames)
        pictures = list(_square_pictures(shown, size))
    if not pictures:
        raise MediaError("truncated", f"{path} holds no frame that can be decoded at {start_s:.2f} s")
    return np.stack(pictures)


def read_audio(
    path: Path | str,
    *,
    sample_rate: int,
    start_s: float = 0.0,
    duration_s: float | None = None,
    mono: bool = True,
) -> np.ndarray:
    """Reads the sound track, resampled.

    Args:
        path: a film, or a sound file.
        sample_rate: in Hz.
        start_s: seconds after the picture's start, or the sound's where there is no picture.
        duration_s: length, exact: what is missing is silence. None reads to the end.
        mono: mixes the channels into one.

    Returns:
        float32 [C, N] in [-1, 1].

    Raises:
        MediaError: "unreadable"; "no_audio" without a sound track; "truncated" when none of it can be decoded.
    """
    length = None if duration_s is None else round(duration_s * sample_rate)
    with open_media(path) as container:
        sound = sound_of(container)
        if sound is None:
            raise MediaError("no_audio", f"{path} has no sound track")
        layout = "mono" if mono else sound.layout.name
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=sample_rate)
        blocks: list[np.ndarray] = []
        offset, total = 0, 0
        for frame, time_s in _timed_sound(container, sound, start_s):
            if not blocks:
                offset = round((time_s - start_s) * sample_rate)
            for part in resampler.resample(frame):
                blocks.append(part.to_ndarray())
                total += part.samples
            if length is not None and offset + total >= length + sample_rate // 10:
                break
        if not blocks:
            raise MediaError("truncated", f"{path} holds no sound that can be decoded at {start_s:.2f} s")
        blocks.extend(part.to_ndarray() for part in resampler.resample(None))
    return _placed(np.concatenate(blocks, axis=1), offset, length)


def _placed(waveform: np.ndarray, offset: int, length: int | None) -> np.ndarray:
    """Moves a waveform [C, N] that starts `offset` samples after the wanted start, and gives it the wanted length."""
    waveform = waveform[:, -offset:] if offset < 0 else np.pad(waveform, ((0, 0), (offset, 0)))
    if length is not None:
        waveform = np.pad(waveform[:, :length], ((0, 0), (0, max(0, length - waveform.shape[1]))))
    return np.ascontiguousarray(waveform, dtype=np.float32)


def _timed_sound(
    container: InputContainer, sound: AudioStream, start_s: float
) -> Iterator[tuple[av.AudioFrame, float]]:
    """Decoded sound with its time on the picture's clock, from the block that `start_s` lies in."""
    clock = container.streams.video[0] if container.streams.video else sound
    zero = start_of(clock)
    if start_s > _PREROLL_S:
        _seek(container, sound, start_s - _PREROLL_S + zero)
    time_s = start_s
    for frame in _decoded(container, sound):
        time_s = frame.time - zero if frame.time is not None else time_s
        ends_s = time_s + frame.samples / frame.sample_rate
        if ends_s > start_s:
            yield frame, time_s
        time_s = ends_s


def _timed_frames(
    container: InputContainer, picture: VideoStream, start_s: float
) -> Iterator[tuple[VideoFrame, float, float]]:
    """Decoded frames with the times at which they appear and disappear, from the key frame before `start_s` on."""
    zero = start_of(picture)
    if start_s > 0:
        _seek(container, picture, start_s + zero)
    usual_s = float(1 / (picture.average_rate or 25))
    ends_s = 0.0
    for frame in _decoded(container, picture):
        time_s = frame.time - zero if frame.time is not None else ends_s
        ends_s = time_s + (float(frame.duration * frame.time_base) if frame.duration else usual_s)
        yield frame, time_s, ends_s


def _seek(container: InputContainer, stream: av.stream.Stream, time_s: float) -> None:
    """Moves to the key frame at or before a time on the stream's own clock."""
    assert stream.time_base is not None, "every demuxed stream has a clock"
    container.seek(round(time_s / stream.time_base), stream=stream)


def _decoded(container: InputContainer, stream: av.stream.Stream) -> Iterator:
    """Decodes until the end, or until the data can no longer be understood."""
    try:
        yield from container.decode(stream)
    except av.error.FFmpegError:
        return  # what follows is lost; the caller pads, as for a file that ends early


def _shown(
    timed: Iterator[tuple[VideoFrame, float, float]], frame_rate: float, start_s: float, frames: int | None
) -> Iterator[VideoFrame]:
    """The frame on show at each sampling time: `frames` of them, or as many as there is picture for."""
    on_show, ends_s, index = None, 0.0, 0
    for frame, time_s, frame_ends_s in timed:
        while on_show is not None and start_s + index / frame_rate < time_s - _TOLERANCE_S:
            yield on_show
            index += 1
            if index == frames:
                return
        on_show, ends_s = frame, frame_ends_s
    while on_show is not None and (
        index < frames if frames is not None else start_s + index / frame_rate < ends_s - _TOLERANCE_S
    ):
        yield on_show
        index += 1


def _square_pictures(shown: Iterator[VideoFrame], size: int) -> Iterator[np.ndarray]:
    """Converts each frame once, however often it is shown."""
    for frame, repeats in itertools.groupby(shown):
        square = _square(frame, size)
        yield from (square for _ in repeats)


def _square(frame: VideoFrame, size: int) -> np.ndarray:
    """Scales the short side to `size`, cuts out the centre and turns it upright: uint8 [size, size, 3]."""
    scale = size / min(frame.width, frame.height)
    width, height = max(size, round(frame.width * scale)), max(size, round(frame.height * scale))
    scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation=Interpolation.AREA).to_ndarray()
    top, left = (height - size) // 2, (width - size) // 2
    square = scaled[top : top + size, left : left + size]
    return np.rot90(square, round(frame.rotation / 90) % 4)
