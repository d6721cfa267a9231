"""Writes films: new ones, and a copy of a picture with new music under it."""

# T frames, H height, W width, C channels, N samples

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vmas_pipeline.media.files import whole_file
from vmas_pipeline.media.probe import MediaError, open_media, picture_end, picture_of

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Endings we write, and FFmpeg's name of the container."""

_AUDIO_BLOCK = 1024
_BITS_PER_CHANNEL = 96_000
_FAST_AAC = {"aac_coder": "fast"}  # half the time of the default search, and no loss that onsets or ears notice
_CONTAINERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "duration"}
"""Tags that describe the source's container, not the film."""


def write_video(
    path: Path | str, frames: np.ndarray, frame_rate: float, waveform: np.ndarray | None, sample_rate: int
) -> None:
    """Writes a film with H.264 picture and AAC sound, whole or not at all.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        frames: uint8 RGB [T, H, W, 3], H and W even (4:2:0 pixels come in pairs).
        frame_rate: frames per second.
        waveform: float [C, N] in [-1, 1], one or two channels; None: a film without a sound track.
        sample_rate: in Hz, one that AAC knows.

    Raises:
        ValueError: shapes, an ending or a rate that cannot be written.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"frames have shape {frames.shape}: expected [T, H, W, 3] with even H and W")
    with whole_file(Path(path)) as temporary, _create(Path(path), temporary) as container:
        picture = container.add_stream(
            "libx264",
            rate=Fraction(frame_rate).limit_denominator(1001),
            options={"preset": "veryfast", "crf": "18", "threads": "1"},
        )
        picture.height, picture.width = frames.shape[1:3]
        picture.pix_fmt = "yuv420p"
        tracks = [_picture_packets(picture, frames)]
        if waveform is not None:
            tracks.append(_sound_packets(_add_sound(container, waveform, sample_rate), waveform, sample_rate))
        _mux(container, *tracks)


def replace_audio(video_path: Path | str, waveform: np.ndarray, sample_rate: int, out_path: Path | str) -> None:
    """Copies a film's picture stream bit for bit and puts new music under it, as AAC of the picture's length.

    Time stamps, rotation and titles stay, subtitles and other tracks go; the picture is moved to start at 0.
    mp4 carries H.264, HEVC, AV1, VP9 and MPEG-4 among others; for what it cannot (VP8, Theora) name the output .mkv.

    Args:
        video_path: the film.
        waveform: float [C, N] in [-1, 1]; cut, or filled with silence, to the picture's length.
        sample_rate: in Hz, one that AAC knows.
        out_path: ends in .mp4, .m4v, .mov or .mkv; written whole or not at all.

    Raises:
        MediaError: a film that cannot be read, or a codec that the output's container cannot carry.
        ValueError: an ending or a waveform that cannot be written.
    """
    out_path = Path(out_path)
    length_s = picture_end(video_path)
    with (
        open_media(video_path) as source,
        whole_file(out_path) as temporary,
        _create(out_path, temporary) as container,
    ):
        picture = picture_of(source, video_path)
        if picture.codec.canonical_name not in container.supported_codecs:
            raise MediaError(
                "codec",
                f"{out_path} cannot carry a picture in {picture.codec.canonical_name}, as {video_path} has: "
                f"name the output {out_path.stem}.mkv",
            )
        copy = container.add_stream_from_template(picture)
        copy.time_base = picture.time_base
        container.metadata.update({key: value for key, value in source.metadata.items() if key not in _CONTAINERS_OWN})
        sound = _add_sound(container, waveform, sample_rate)
        fitted = _fitted(waveform, round(length_s * sample_rate))
        _mux(container, _copied_packets(source, picture, copy), _sound_packets(sound, fitted, sample_rate))


def _create(path: Path, temporary: Path) -> OutputContainer:
    """Opens the output under its temporary name, in the container that the final name asks for."""
    if path.suffix.lower() not in CONTAINERS:
        raise ValueError(f"output ({path}) must end in one of {', '.join(CONTAINERS)}")
    container_format = CONTAINERS[path.suffix.lower()]
    options = {} if container_format == "matroska" else {"movflags": "+faststart"}
    return av.open(str(temporary), "w", format=container_format, options=options)


def _add_sound(container: OutputContainer, waveform: np.ndarray, sample_rate: int) -> AudioStream:
    """Adds an AAC stream for a waveform [C, N].

    Raises:
        ValueError: a shape or a rate that AAC cannot hold.
    """
    if waveform.ndim != 2 or waveform.shape[0] not in (1, 2):
        raise ValueError(f"waveform has shape {waveform.shape}: expected [channels, samples] with one or two channels")
    rates = av.Codec("aac", "w").audio_rates or []
    if sample_rate not in rates:
        raise ValueError(f"sample_rate ({sample_rate}) is none that AAC knows: {', '.join(map(str, sorted(rates)))}")
    layout = "mono" if waveform.shape[0] == 1 else "stereo"
    bit_rate = _BITS_PER_CHANNEL * waveform.shape[0]
    return container.add_stream("aac", rate=sample_rate, layout=layout, bit_rate=bit_rate, options=_FAST_AAC)


def _fitted(waveform: np.ndarray, samples: int) -> np.ndarray:
    """Cuts a waveform [C, N], or fills it with silence, to [C, samples]."""
    return np.pad(waveform[:, :samples], ((0, 0), (0, max(0, samples - waveform.shape[1]))))


def _mux(container: OutputContainer, *tracks: Iterator[Packet]) -> None:
    """Writes the tracks' packets in order of time, so that a player finds picture and sound side by side."""
    for packet in heapq.merge(*tracks, key=_decoding_time):
        container.mux(packet)


def _decoding_time(packet: Packet) -> float:
    assert packet.dts is not None, "encoders and _copied_packets set it"
    return float(packet.dts * packet.time_base)


def _picture_packets(picture: VideoStream, frames: np.ndarray) -> Iterator[Packet]:
    for pixels in frames:
        yield from picture.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))
    yield from picture.encode(None)


def _sound_packets(sound: AudioStream, waveform: np.ndarray, sample_rate: int) -> Iterator[Packet]:
    samples = np.clip(waveform, -1.0, 1.0).astype(np.float32)
    for first in range(0, samples.shape[1], _AUDIO_BLOCK):
        block = np.ascontiguousarray(samples[:, first : first + _AUDIO_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=sound.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, first, Fraction(1, sample_rate)
        yield from sound.encode(frame)
    yield from sound.encode(None)


def _copied_packets(source: InputContainer, picture: VideoStream, copy: VideoStream) -> Iterator[Packet]:
    """The picture's packets, moved to start at 0; stops where the file is cut off."""
    zero, next_dts = picture.start_time or 0, None
    try:
        for packet in source.demux(picture):
            if not packet.size:
                continue
            if packet.dts is None:  # AVI and raw streams may leave time stamps out
                packet.dts = next_dts if next_dts is not None else zero
            if packet.pts is None:
                packet.pts = packet.dts
            next_dts = packet.dts + (packet.duration or 1)
            packet.pts, packet.dts, packet.stream = packet.pts - zero, packet.dts - zero, copy
            yield packet
    except av.error.FFmpegError:
        return
