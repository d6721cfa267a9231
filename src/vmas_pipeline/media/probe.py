"""Opens films, says what is in them, and names what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

FORMATS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,wav,flac,mp3,aac,ivf,h264,hevc,mxf,dv"
"""FFmpeg's demuxers that we let read a file. Playlists are not among them: they would open other files."""

SHORTFALL = 0.9
"""A file whose packets end before this part of its declared length is truncated."""


class MediaError(ValueError):
    """A file that cannot serve, with the reason as a machine word and as a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keeps both.

        Args:
            reason: unreadable, no_video, no_audio, truncated, ...
            detail: one sentence that names the file and what to do.
        """
        super().__init__(detail)
        self.reason = reason

    def __reduce__(self) -> tuple[type["MediaError"], tuple[str, str]]:
        """Lets the error travel between processes."""
        return MediaError, (self.reason, str(self))


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """What a film's headers say."""

    duration_s: float  # of the picture
    width: int  # as stored, before display rotation
    height: int
    fps: float  # average; 0 when the headers do not say
    video_codec: str
    audio_codec: str | None  # None: no sound track
    sample_rate: int | None
    channels: int | None


def probe(path: Path | str) -> MediaInfo:
    """Reads a film's headers.

    Args:
        path: any container and codec that FFmpeg reads.

    Raises:
        MediaError: "unreadable" when it is no film or its index is missing, "no_video" when it has no moving picture.
    """
    with open_media(path) as container:
        picture = picture_of(container, path)
        sound = sound_of(container)
        return MediaInfo(
            duration_s=_duration(container, picture),
            width=picture.width,
            height=picture.height,
            fps=float(picture.average_rate or 0),
            video_codec=picture.codec_context.name,
            audio_codec=sound.codec_context.name if sound else None,
            sample_rate=sound.rate if sound else None,
            channels=sound.channels if sound else None,
        )


def check_whole(path: Path | str) -> None:
    """Compares where the picture ends with the length that the headers promise.

    Raises:
        MediaError: "truncated" when the packets end early, as in a download that was cut off; else as `probe`.
    """
    declared, found = probe(path).duration_s, picture_end(path)
    if found < SHORTFALL * declared:
        raise MediaError(
            "truncated", f"{path} is truncated: its headers promise {declared:.1f} s, the picture ends at {found:.1f} s"
        )


def picture_end(path: Path | str) -> float:
    """Length of the picture that is really there, in seconds, from its packets and without decoding them."""
    with open_media(path) as container:
        picture, end = picture_of(container, path), 0.0
        usual = 1 / picture.average_rate if picture.average_rate else 0
        try:
            for packet in container.demux(picture):
                if packet.pts is not None and packet.size and not packet.is_corrupt:
                    length = packet.duration * packet.time_base if packet.duration else usual
                    end = max(end, float(packet.pts * packet.time_base + length))
        except av.error.FFmpegError:
            pass  # cut off: what was found so far is what there is
        return max(0.0, end - start_of(picture))


@contextmanager
def open_media(path: Path | str) -> Iterator[InputContainer]:
    """Opens a local film for reading; the file's content, not its name, decides what it is.

    Raises:
        MediaError: "unreadable".
    """
    if not Path(path).is_file():
        raise MediaError("unreadable", f"{path} cannot be read: there is no such file")
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        container = av.open(str(path), options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise MediaError(
            "unreadable",
            f"{path} cannot be read as a film ({error.strerror}): it is damaged, its index is missing, or it is "
            "something else; check that it plays, or download it again",
        ) from error
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            raise MediaError("unreadable", f"{path} cannot be processed to its end ({error.strerror})") from error


def picture_of(container: InputContainer, path: Path | str) -> VideoStream:
    """The first moving picture; cover art does not count.

    Raises:
        MediaError: "no_video", or "unreadable" when its codec cannot be told.
    """
    for stream in container.streams.video:
        if stream.codec_context is None:
            raise MediaError(
                "unreadable",
                f"{path} cannot be read: its index is damaged or cut off, or FFmpeg does not know its codec",
            )
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise MediaError("no_video", f"{path} has no moving picture: give a video file")


def sound_of(container: InputContainer) -> AudioStream | None:
    """The first sound track that can be decoded."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def start_of(stream: av.stream.Stream) -> float:
    """Time stamp of the stream's first frame, in seconds."""
    return float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0


def _duration(container: InputContainer, picture: VideoStream) -> float:
    """Length of the picture, or of the container where the stream does not say (Matroska)."""
    if picture.duration is not None and picture.time_base is not None:
        return float(picture.duration * picture.time_base)
    if container.duration is not None:
        ends = container.duration / av.time_base + (container.start_time or 0) / av.time_base
        return max(0.0, ends - start_of(picture))
    return 0.0
