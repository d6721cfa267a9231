"""The contents of a video: as declared by its headers, and as measured."""

import os
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vmas_pipeline.media.container import audio_stream, channel_count, open_media, packets, seconds, video_stream
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.frames import first_frame_s
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.worker import in_worker

_CLOCK_JUMP_S = 10.0
"""Successive decode times of a continuous stream differ by less; FFmpeg's own programs use the same bound."""

_RECORDED_CLOCKS = {"mpegts", "mpeg", "mpegtsraw"}
"""Containers whose clock comes from the recording and can jump; in others a gap is intended."""

_LEAST_BYTES_PER_S = 32.0
"""A still picture at one frame a second takes more: a file with less than this claims a false duration."""

_CLAIM_CHECKED_S = 60.0
"""Shorter videos may be arbitrarily small."""


_SAME_TIME_S = 1e-3


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """The contents of a video."""

    duration_s: float  # of the video stream; 0 when only the headers were read and do not give it
    width: int  # as stored, before display rotation
    height: int
    fps: float  # average; 0 when the headers do not give it
    video_codec: str
    audio_codec: str | None  # None: no audio track
    sample_rate: int | None
    channels: int | None


@dataclass(frozen=True, kw_only=True)
class Track:
    """A stream other than the video. Chapters and time codes, which an mp4 stores as streams, are copied as tags."""

    index: int
    kind: str  # video, audio, subtitle, attachment, data
    codec: str
    name: str  # file name of an attachment; else empty
    cover: bytes  # cover art, as a file's bytes; empty for anything else


@dataclass(frozen=True, kw_only=True)
class Measured(MediaInfo):
    """The contents of a video, with its duration measured by demuxing, and what is needed to copy it."""

    start_s: float  # the file's own timestamp of the first frame that can be decoded: time 0
    bytes: int  # of the video stream
    video_tag: str  # codec tag of an MP4 or QuickTime file (hvc1, avc1); empty in other containers
    stream: int  # the video stream's index in the file
    timed: bool  # packets have timestamps (a raw stream's have none)
    hides_start: bool  # an edit list hides frames before the first one shown
    hides_end: bool  # or after the last
    hides_inside: bool  # or in between
    tracks: tuple[Track, ...]  # all other streams
    tags: tuple[str, ...]  # names of the file's tags


@in_worker
def probe(path: Path | str) -> MediaInfo:
    """Reads a video's headers, in time independent of its length.

    Args:
        path: any container and codec that FFmpeg reads.

    Raises:
        MediaError: "unreadable" when it is not a video or its index is missing, "no_video" when it has no video stream;
            "crash" or "timeout".
    """
    with open_media(path) as container:
        return _info(container, video_stream(container, path))


@in_worker
def measure(path: Path | str, limits: Limits = Limits()) -> Measured:  # noqa: B008 - frozen
    """Reads a video's headers and all of its packets' times, decoding only the first frame.

    Args:
        path: a video.
        limits: checked while reading packets, so a false claim costs no more than reading the file.

    Raises:
        MediaError: as for `probe`; "encrypted"; "truncated" when no frame can be decoded; "too_large" and "too_long"
            above the limits; "claim" for hours in a file of a few kilobytes; "clock" when its timestamps jump.
    """
    return _measure(os.fspath(path), _stamp(path), limits)


@lru_cache(maxsize=8)  # an entry point measures, and so do the functions it calls
def _measure(path: str, stamp: tuple[int, int], limits: Limits) -> Measured:
    with open_media(path) as container:
        video = video_stream(container, path)
        info, tracks = _info(container, video), _tracks(container, video)
        tags, video_tag, index = tuple(container.metadata), _tag(container, video), video.index
        _check_size(path, stamp[0], info, limits)
        start_s = first_frame_s(container, video, path)
    with open_media(path) as container:  # from the beginning again
        video = video_stream(container, path)
        scan = _Scan(path, container, video, start_s, limits)
        for packet in packets(container, path, video):
            if packet.size:
                scan.add(packet)
    duration_s = scan.duration_s(stamp[0])
    return Measured(
        **vars(info) | {"duration_s": duration_s},
        start_s=start_s,
        bytes=scan.bytes,
        video_tag=video_tag,
        stream=index,
        timed=scan.timed,
        hides_start=any(time_s < start_s for time_s in scan.hidden_s),
        hides_end=any(time_s >= scan.end_s - _SAME_TIME_S for time_s in scan.hidden_s),
        hides_inside=any(start_s <= time_s < scan.end_s - _SAME_TIME_S for time_s in scan.hidden_s),
        tracks=tracks,
        tags=tags,
    )


def _info(container: InputContainer, video: VideoStream) -> MediaInfo:
    audio = audio_stream(container)
    return MediaInfo(
        duration_s=_declared_s(container, video),
        width=video.width,
        height=video.height,
        fps=float(video.average_rate or 0),
        video_codec=video.codec.canonical_name,
        audio_codec=audio.codec.canonical_name if audio else None,
        sample_rate=audio.rate if audio else None,
        channels=channel_count(audio) if audio else None,
    )


def _declared_s(container: InputContainer, video: VideoStream) -> float:
    """Length of the video stream by the headers, or of the container if the stream has none (Matroska)."""
    if video.duration is not None and video.time_base is not None:
        return seconds(video.duration, video.time_base)
    if container.duration is not None:
        ends_s = (container.duration + (container.start_time or 0)) / av.time_base
        return max(0.0, ends_s - seconds(video.start_time or 0, video.time_base or Fraction(0)))
    return 0.0


@in_worker
def read_tags(path: Path | str) -> dict[str, str]:
    """A file's own tags, their names in lower case.

    Raises:
        MediaError: "unreadable" when it is no media file; "crash" or "timeout".
    """
    with open_media(path) as container:
        return {name.lower(): text for name, text in container.metadata.items()}


def _stamp(path: Path | str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _tracks(container: InputContainer, video: VideoStream) -> tuple[Track, ...]:
    return tuple(
        Track(
            index=stream.index,
            kind=stream.type,
            codec=stream.codec.canonical_name if stream.codec_context else getattr(stream, "name", None) or "unknown",
            name=stream.metadata.get("filename", ""),
            cover=_cover(container, stream),
        )
        for stream in container.streams
        if stream.index != video.index and not _is_tag(container, stream)
    )


def _cover(container: InputContainer, stream: Stream) -> bytes:
    if not stream.disposition & Disposition.attached_pic:
        return b""
    return next((bytes(packet) for packet in container.demux(stream) if packet.size), b"")


def _is_tag(container: InputContainer, stream: Stream) -> bool:
    chapters = bool(container.chapters()) and getattr(stream, "name", None) == "bin_data"
    return stream.type == "data" and ("timecode" in stream.metadata or chapters)


def _tag(container: InputContainer, video: VideoStream) -> str:
    """The four-letter codec tag of an MP4 or QuickTime file, such as hvc1 or hev1."""
    with suppress(UnicodeDecodeError):
        return video.codec_tag if "mov" in container.format.name.split(",") else ""
    return ""


def _check_size(path: str, size: int, info: MediaInfo, limits: Limits) -> None:
    if size > limits.gigabytes * 1e9:
        raise MediaError(
            "too_large", f"{printable(path)} has {size / 1e9:.1f} GB: the limit is {limits.gigabytes:g} (gigabytes)"
        )
    if info.width * info.height > limits.megapixels * 1e6:
        raise MediaError(
            "too_large",
            f"{printable(path)} has a picture of {info.width}x{info.height}: the limit is {limits.megapixels:g} "
            "megapixels (megapixels)",
        )


class _Scan:
    """Scans the video stream's packets; raises as soon as a limit is exceeded."""

    def __init__(
        self, path: str, container: InputContainer, video: VideoStream, start_s: float, limits: Limits
    ) -> None:
        self.path, self.limits, self.bytes = path, limits, 0
        self.start_s = self.end_s = start_s
        self.tick = video.time_base or Fraction(0)
        self.usual_s = float(1 / video.average_rate) if video.average_rate else 0.04
        self.recorded = not _RECORDED_CLOCKS.isdisjoint(container.format.name.split(","))
        self.follows_s = start_s  # time of a packet without a timestamp
        self.decoded_s: float | None = None
        self.timed = False
        self.hidden_s: list[float] = []

    def add(self, packet: Packet) -> None:
        ticks = packet.pts if packet.pts is not None else packet.dts
        time_s = seconds(ticks, self.tick) if ticks is not None else self.follows_s
        self.follows_s = time_s + (seconds(packet.duration, self.tick) if packet.duration else self.usual_s)
        self.bytes += packet.size
        self.timed |= ticks is not None
        self._check_clock(packet)
        if packet.is_discard:
            self.hidden_s.append(time_s)
        elif not packet.is_corrupt:
            self.end_s = max(self.end_s, self.follows_s)
        if self.end_s - self.start_s > self.limits.duration_s:
            raise MediaError(
                "too_long",
                f"{printable(self.path)} lasts {self.end_s - self.start_s:.0f} s or more: the limit is "
                f"{self.limits.duration_s:g} (duration_s)",
            )

    def _check_clock(self, packet: Packet) -> None:
        if packet.dts is None:
            return
        decoded_s = seconds(packet.dts, self.tick)
        before_s = decoded_s if self.decoded_s is None else self.decoded_s
        self.decoded_s, step_s = decoded_s, decoded_s - before_s
        if step_s < -_CLOCK_JUMP_S or (self.recorded and step_s > _CLOCK_JUMP_S):
            raise MediaError(
                "clock",
                f"{printable(self.path)} has a clock that jumps by {step_s:.1f} s at {before_s - self.start_s:.1f} s, "
                "as in recordings that were joined: give its parts, or copy it with `ffmpeg -i IN -c copy OUT.mkv`, "
                "which gives it one clock",
            )

    def duration_s(self, size: int) -> float:
        """Length of the video stream, in a file of `size` bytes."""
        duration_s = self.end_s - self.start_s
        if duration_s > _CLAIM_CHECKED_S and size < _LEAST_BYTES_PER_S * duration_s:
            raise MediaError(
                "claim",
                f"{printable(self.path)} claims {duration_s / 60:.0f} minutes in {size / 1000:.0f} kB, less than a "
                "still picture takes: it is damaged or made to mislead",
            )
        return duration_s
