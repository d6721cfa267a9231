"""Reads frames by their timestamps, at the rate and size that a model needs."""

# T frames, H height, W width

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from vmas_pipeline.media.container import frame_ticks, open_media, packets, seconds, ticks_at, video_stream
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.worker import in_worker

TOLERANCE_S = 1e-3
"""Timestamps are rounded to the container's ticks (ms in Matroska): a frame this much late counts as on time."""

_STEPS_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""How much earlier each further seek aims when the previous one did not land at or before the wanted frame."""


_INFERRED_STAMPS = {"mpeg"}
"""Containers that timestamp groups of frames: the first times after a seek are guesses, so seeks aim earlier."""

_STRIP = 16
"""Pictures longer than this many times their width are cropped before scaling: scaled whole, they might not fit."""


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame and when it is displayed, in seconds after the video's first frame."""

    frame: VideoFrame
    time_s: float
    ends_s: float  # by its own duration: the next frame may come sooner or later
    whole: bool  # neither it nor a frame that it was predicted from is damaged


@in_worker
def read_frames(
    path: Path | str,
    *,
    frame_rate: float,
    size: int,
    start_s: float = 0.0,
    frames: int | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Reads the frames that are displayed at `start_s + i / frame_rate`.

    A frame is displayed until the next one, so variable frame rates need no special case; gaps and the end repeat the
    last frame. Rotation and pixel aspect ratio are honoured; the short side is resized to `size`, and the centre is
    cropped.

    Args:
        path: a video.
        frame_rate: frames per second, positive.
        size: side of the square frames in pixels.
        start_s: seconds after the first frame.
        frames: how many; None reads to the end.
        limits: its `timeout_s` bounds the reading.

    Returns:
        uint8 RGB [T, size, size, 3].

    Raises:
        MediaError: "unreadable", "no_video", "encrypted", "truncated" when no frame at all can be decoded; "crash" or
            "timeout".
    """
    with open_media(path) as container:
        indices = itertools.count() if frames is None else range(frames)
        times = (start_s + index / frame_rate for index in indices)
        stream = video_stream(container, path)
        shown = frames_at(timed_frames(container, stream, path, start_s), times, hold=frames is not None)
        pictures = list(square_pictures(shown, size, pixel_aspect(stream)))
    if not pictures:
        raise MediaError("truncated", f"{printable(path)} holds no frame that can be decoded at {start_s:.2f} s")
    return np.stack(pictures)


def timed_frames(
    container: InputContainer, stream: VideoStream, path: Path | str, start_s: float = 0.0
) -> Iterator[TimedFrame]:
    """Decoded frames with their times, from the one displayed at `start_s`, or an earlier one, to the end.

    Time 0 is the first frame that can be decoded. Out-of-order frames are dropped.
    """
    frames = decoded_frames(container, stream, packets(container, path, stream))
    first = next(frames, None)
    if first is None:
        return
    if start_s > first.ends_s - first.time_s:
        frames = _frames_from(container, stream, path, first.time_s + start_s)
    else:
        frames = itertools.chain([first], frames)
    yield from in_order(frames, first.time_s)


def in_order(frames: Iterator[TimedFrame], zero_s: float) -> Iterator[TimedFrame]:
    """Frames with their times relative to `zero_s`, without those that follow a later one."""
    latest_s = float("-inf")
    for timed in frames:
        if timed.time_s >= latest_s:
            latest_s = timed.time_s
            yield TimedFrame(timed.frame, timed.time_s - zero_s, timed.ends_s - zero_s, timed.whole)


def first_frame_s(container: InputContainer, stream: VideoStream, path: Path | str) -> float:
    """The file's own timestamp of the first frame that can be decoded: time 0 of the video, in seconds.

    Raises:
        MediaError: "truncated" when none can be.
    """
    first = next(decoded_frames(container, stream, packets(container, path, stream)), None)
    if first is None:
        raise MediaError("truncated", f"{printable(path)} holds no frame that can be decoded")
    return first.time_s


def _frames_from(
    container: InputContainer, stream: VideoStream, path: Path | str, target_s: float
) -> Iterator[TimedFrame]:
    """Frames starting at or before `target_s`, on the file's clock.

    The position after a seek is treated as a hint and checked: transport streams, Ogg and damaged indices can lead to a
    later key frame. Further seeks then aim earlier, the last one at the file's beginning.
    """
    steps = _STEPS_BACK_S[1:] if container.format.name in _INFERRED_STAMPS else _STEPS_BACK_S
    for back_s in steps:
        try:
            container.seek(ticks_at(stream, target_s - back_s), stream=stream)
        except av.error.FFmpegError:
            break
        frames = decoded_frames(container, stream, _from_key_frame(packets(container, path, stream)))
        first = next(frames, None)
        if first is None or frame_ticks(container, first.frame) is None:
            continue
        if first.time_s <= target_s + TOLERANCE_S:
            yield first
            yield from frames
            return
    with open_media(path) as again:
        stream = video_stream(again, path)
        yield from decoded_frames(again, stream, packets(again, path, stream))


def _from_key_frame(found: Iterator[Packet]) -> Iterator[Packet]:
    """Drops packets before the first key frame, and those displayed before it: both lack their references."""
    key: Packet | None = None
    for packet in found:
        if key is None and packet.is_keyframe:
            key = packet
        if not packet.size or (key is not None and (packet.pts is None or key.pts is None or packet.pts >= key.pts)):
            yield packet


def decoded_frames(container: InputContainer, stream: VideoStream, found: Iterator[Packet]) -> Iterator[TimedFrame]:
    """Decodes packet by packet, skipping those that cannot be decoded; times on the file's clock."""
    tick, usual_s = stream.time_base or Fraction(1, 90_000), float(1 / (stream.average_rate or 25))
    ends_s, damaged = 0.0, False
    for packet in found:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            frames, damaged = [], True
        for frame in frames:
            damaged = frame.is_corrupt or packet.is_corrupt or (damaged and not frame.key_frame)
            ticks = frame_ticks(container, frame)
            time_s = seconds(ticks, tick) if ticks is not None else ends_s
            ends_s = time_s + (seconds(frame.duration, tick) if frame.duration else usual_s)
            yield TimedFrame(frame, time_s, ends_s, not damaged)


def frames_at(timed: Iterator[TimedFrame], times: Iterator[float], *, hold: bool) -> Iterator[VideoFrame]:
    """The frame displayed at each of the ascending times; after the end the last one if `hold`, else none."""
    on_show: TimedFrame | None = None
    time_s = next(times, None)
    for coming in timed:
        while on_show is not None and time_s is not None and time_s < coming.time_s - TOLERANCE_S:
            yield on_show.frame
            time_s = next(times, None)
        if time_s is None:
            return
        on_show = coming
    while on_show is not None and time_s is not None and (hold or time_s < on_show.ends_s - TOLERANCE_S):
        yield on_show.frame
        time_s = next(times, None)


def square_pictures(shown: Iterator[VideoFrame], size: int, aspect: float = 1.0) -> Iterator[np.ndarray]:
    """Converts each frame, once even if it repeats, to uint8 [size, size, 3]."""
    scaler = VideoReformatter()  # a frame's own would be set up anew for each, which takes ten times as long as scaling
    for frame, repeats in itertools.groupby(shown):
        square = _square(scaler, frame, size, aspect)
        yield from (square for _ in repeats)


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a stored pixel over its height; 1 if the file gives none or an implausible one."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 0.1 < aspect < 10 else 1.0


def _square(scaler: VideoReformatter, frame: VideoFrame, size: int, aspect: float) -> np.ndarray:
    """Scales the short side to `size`, crops the centre and applies the rotation."""
    scale = size / min(frame.width * aspect, frame.height)
    if max(frame.width * aspect, frame.height) * scale > _STRIP * size:
        frame = _middle(frame, aspect)
    width, height = max(size, round(frame.width * aspect * scale)), max(size, round(frame.height * scale))
    scaled = scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA).to_ndarray()
    top, left = (height - size) // 2, (width - size) // 2
    square = scaled[top : top + size, left : left + size]
    return np.rot90(square, round(frame.rotation / 90) % 4)


def _middle(frame: VideoFrame, aspect: float) -> VideoFrame:
    """The middle of a strip, square as displayed."""
    side = min(frame.width * aspect, frame.height)
    width, height = max(1, round(side / aspect)), round(side)
    top, left = (frame.height - height) // 2, (frame.width - width) // 2
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)[top : top + height, left : left + width]
    return VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
