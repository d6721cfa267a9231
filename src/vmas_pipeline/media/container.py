"""Opens videos with PyAV and selects their streams. All of it runs in a worker (see `worker`)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.limits import Limits

AnyStream = TypeVar("AnyStream", bound=Stream)

FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,ogg,asf,nut,gif,rm,mxf,gxf,dv,wtv,ivf,obu,h264,hevc,vvc,"
    "av1,vc1,mjpeg,yuv4mpegpipe,apng,nsv,pva,bink,smk,swf,4xm,roq,flic,wav,w64,flac,mp3,aac,ac3,eac3,aiff,au,caf,"
    "tta,wv,ape,tak,amr,dts"
)
"""FFmpeg demuxers allowed to read a file. Playlists are excluded: they would open other files."""

_MAX_PIXELS = round(Limits().megapixels * 1e6) * 4
"""The decoder refuses a picture that grows beyond this within a stream."""

_FAILURES_IN_A_ROW = 1000
"""Reading continues after damage until this many packets in a row cannot be read."""


@contextmanager
def open_media(path: Path | str) -> Iterator[InputContainer]:
    """Opens a local file for reading; its type is determined by its content, not its name.

    Raises:
        MediaError: "unreadable".
    """
    if not Path(path).is_file():
        raise MediaError("unreadable", f"{printable(path)} cannot be read: there is no such file")
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        # "file:" and an absolute path: no name can be mistaken for a URL or an option
        container = av.open(f"file:{os.path.abspath(path)}", options=options, metadata_errors="replace")  # noqa: PTH100
    except av.error.FFmpegError as error:
        raise MediaError(
            "unreadable",
            f"{printable(path)} cannot be read as a video ({error.strerror}): it is damaged, its index is missing, or "
            "it is something else; check that it plays, or download it again",
        ) from error
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            raise MediaError("unreadable", f"{printable(path)} cannot be read ({error.strerror})") from error


def video_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """The video stream to use: the default one, else the first; cover art does not count.

    Raises:
        MediaError: "no_video", or "unreadable" if its codec cannot be determined.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise MediaError("no_video", f"{printable(path)} has no moving picture: give a video file")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise MediaError(
            "unreadable",
            f"{printable(path)} cannot be read: its index is damaged or cut off, or FFmpeg does not know its codec",
        )
    stream = _default(decodable)
    if not stream.codec_context.is_open:
        stream.codec_context.thread_type = "SLICE"  # no frame threads: a frame's dts must be its own packet's
        stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The audio stream to use: the default one, else the first, of those that can be decoded."""
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return _default(streams) if streams else None


def _default(streams: list[AnyStream]) -> AnyStream:
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default))


_kept: list[AudioLayout] = []


def channel_count(stream: AudioStream) -> int:
    """Number of channels. This is the only place that asks PyAV for the layout of an open stream.

    PyAV 18 copies a custom layout (FL+FR+FC+LFE+... in an order other than FFmpeg's own) without its map and then frees
    the map twice, which crashes the process (similar to PyAV#689). So the object is never released, and the decoder is
    given FFmpeg's own layout with the same number of channels before it creates frames with the custom one. Can be
    removed with PyAV 19, which needs Python 3.12.
    """
    layout = stream.codec_context.layout
    _kept.append(layout)
    count = layout.nb_channels
    if not stream.codec_context.is_open and count:
        stream.codec_context.layout = AudioLayout(f"{count}c")
    return count


def packets(container: InputContainer, path: Path | str, *streams: Stream) -> Iterator[Packet]:
    """Demuxes to the end of the file, skipping unreadable parts; the last packets are empty and flush the decoders.

    Raises:
        MediaError: "encrypted".
    """
    failures = 0
    while failures < _FAILURES_IN_A_ROW:
        try:
            for packet in container.demux(*streams):
                failures = 0
                if packet.has_sidedata("encryption_info"):
                    raise MediaError("encrypted", f"{printable(path)} is encrypted (DRM): give a copy without it")
                yield packet
            return
        except av.error.FFmpegError:
            failures += 1
        except IndexError:  # PyAV 18, at the end of a file in which a stream appeared midway
            break
    yield from map(_flush, streams)


def _flush(stream: Stream) -> Packet:
    """An empty packet, which makes a decoder output its buffered frames."""
    packet: Packet = Packet()
    packet.stream = stream
    return packet


def frame_ticks(container: InputContainer, frame: VideoFrame) -> int | None:
    """Presentation time of a frame, in ticks of its stream.

    AVI timestamps packets only in decoding order: the presentation time that FFmpeg derives from that is wrong for
    reordered frames, but the dts of the packet that releases a frame is right.
    """
    return frame.dts if container.format.name == "avi" else frame.pts


def seconds(ticks: int, tick: Fraction) -> float:
    """Ticks of a stream's clock as seconds: `float(ticks * tick)`, which is exact too, takes ten times as long."""
    return ticks * tick.numerator / tick.denominator


def ticks_at(stream: Stream, time_s: float) -> int:
    """A time in seconds, in ticks of the stream's clock."""
    return round(time_s / stream.time_base) if stream.time_base else 0
