"""Writes new videos."""

# T frames, H height, W width, C channels, N samples

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vmas_pipeline.media.container import seconds
from vmas_pipeline.media.files import whole_file
from vmas_pipeline.media.outputs import BITS_PER_CHANNEL, check_waveform, container_for, output

_AUDIO_BLOCK = 1024
_FAST_AAC = {"aac_coder": "fast"}  # half the time of the default search, without audible loss or loss of onsets


def write_video(
    path: Path | str,
    frames: np.ndarray,
    frame_rate: float,
    waveform: np.ndarray | None,
    sample_rate: int,
    *,
    crf: int = 18,
    preset: Literal["ultrafast", "veryfast"] = "veryfast",
    lossless_sound: bool = False,
) -> None:
    """Writes a video with H.264 video and AAC or FLAC audio, atomically.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        frames: uint8 RGB [T, H, W, 3], H and W even (4:2:0 pixels come in pairs).
        frame_rate: frames per second.
        waveform: float [C, N] in [-1, 1], one or two channels; None: no audio track.
        sample_rate: in Hz, one that AAC supports.
        crf: H.264's constant rate factor, 0 (lossless) to 51: 18 looks lossless, 30 is visibly compressed.
        preset: libx264's effort: "ultrafast" takes half the time, and 1.7 times the space.
        lossless_sound: FLAC of 16 bits instead of AAC: twice the size, encoded in a tenth of the time.

    Raises:
        ValueError: shapes, a suffix or a rate that cannot be written.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"frames have shape {frames.shape}: expected [T, H, W, 3] with even H and W")
    if waveform is not None:
        check_waveform(waveform, sample_rate)
    with _created(Path(path)) as container:
        picture = container.add_stream(
            "libx264",
            rate=Fraction(frame_rate).limit_denominator(1001),
            options={"preset": preset, "crf": str(crf), "threads": "1"},
        )
        picture.height, picture.width = frames.shape[1:3]
        picture.pix_fmt = "yuv420p"
        tracks = [_picture_packets(picture, frames)]
        if waveform is not None:
            sound = _add_sound(container, waveform, sample_rate, "flac" if lossless_sound else "aac")
            tracks.append(_sound_packets(sound, waveform, sample_rate))
        _mux(container, *tracks)


@contextmanager
def _created(path: Path) -> Iterator[OutputContainer]:
    kind = container_for(path)
    options = {"movflags": "+faststart"} if kind.hides else {}
    with output(path) as temporary, av.open(f"file:{temporary.absolute()}", "w", kind.format, options) as container:
        yield container


def _add_sound(
    container: OutputContainer, waveform: np.ndarray, sample_rate: int, codec: Literal["aac", "flac"] = "aac"
) -> AudioStream:
    layout = "mono" if len(waveform) == 1 else "stereo"
    if codec == "flac":
        return container.add_stream("flac", rate=sample_rate, layout=layout)
    bit_rate = BITS_PER_CHANNEL * len(waveform)
    return container.add_stream("aac", rate=sample_rate, layout=layout, bit_rate=bit_rate, options=_FAST_AAC)


def _mux(container: OutputContainer, *tracks: Iterator[Packet]) -> None:
    """Writes the tracks' packets in time order, which interleaves video and audio for players."""
    for packet in heapq.merge(*tracks, key=_decoding_time):
        container.mux(packet)


def _decoding_time(packet: Packet) -> float:
    assert packet.dts is not None, "encoders set it"
    return seconds(packet.dts, packet.time_base)


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


def write_flac(path: Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Writes audio as 16-bit FLAC, atomically.

    Args:
        path: the file.
        waveform: float [C, N]; values outside [-1, 1] are clipped.
        sample_rate: in Hz.
    """
    write_sound(path, waveform, sample_rate, kind="FLAC")


def write_sound(
    path: Path,
    waveform: np.ndarray,
    sample_rate: int,
    *,
    kind: Literal["FLAC", "WAV"],
    bits: Literal[16, 24] = 16,
    comment: str = "",
) -> None:
    """Writes audio without loss, atomically.

    Args:
        path: the file.
        waveform: float [C, N]; values outside [-1, 1] are clipped.
        sample_rate: in Hz.
        kind: of file.
        bits: of a sample.
        comment: the file's comment tag (RIFF's ICMT, or Vorbis's COMMENT).
    """
    import soundfile

    with (
        whole_file(path) as temporary,
        soundfile.SoundFile(temporary, "w", sample_rate, len(waveform), f"PCM_{bits}", format=kind) as file,
    ):
        if comment:
            file.comment = comment
        file.write(np.clip(waveform, -1, 1).T)
