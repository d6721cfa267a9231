"""Reads audio by its timestamps, resampled."""

# C channels, N samples

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from vmas_pipeline.media.container import (
    audio_stream,
    channel_count,
    open_media,
    packets,
    seconds,
    ticks_at,
    video_stream,
)
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.frames import decoded_frames
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.worker import in_worker

_PREROLL_S = 1.0
"""Decoding starts this long before the wanted audio: codecs need a pre-roll (Opus 80 ms, MP3 and WMA some blocks)."""

_RUN_OUT_S = 0.1
"""Decoding ends this much later: the resampler looks ahead."""

_JITTER_S = 5e-3
"""A block this close to the end of the previous one is contiguous: timestamps are rounded, and jitter is not a gap."""

_OGG_JITTER_S = 25e-3
"""Ogg timestamps pages; the times of the packets in them are inferred."""

_STEPS_BACK_S = (0.0, 4.0, 20.0)
"""How much earlier each further seek aims when the previous one landed too late."""

_ROUNDING_S = 1.1e-3
"""Matroska, FLV and others round timestamps to a millisecond."""

_BEGINNING_BLOCKS, _BEGINNING_PACKETS = 5, 500

_GRID_TRIALS = 512
"""Number of source samples searched for one on the output's grid (44.1 to 16 kHz: every 441st is)."""


@dataclass(frozen=True, slots=True)
class TimedBlock:
    """Decoded audio and its start time, in seconds of the file's own clock."""

    block: AudioFrame
    time_s: float

    @property
    def length_s(self) -> float:
        return self.block.samples / self.block.sample_rate


@in_worker
def read_audio(
    path: Path | str,
    *,
    sample_rate: int,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channels: int = 1,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Reads the audio track, resampled, with each sample placed by its timestamp.

    Gaps and damaged blocks are silent; where blocks overlap, the first is used. The samples lie on one grid starting at
    time 0: a span read at an offset has the same samples as when reading everything.

    Args:
        path: a video, or an audio file.
        sample_rate: in Hz.
        start_s: seconds after the video's first frame, or after the start of the audio if there is no video stream.
        duration_s: exact length: missing audio is silence. None reads to the end.
        channels: 1 or 2; others are mixed down.
        limits: its `timeout_s` bounds the reading.

    Returns:
        float32 [C, N] in [-1, 1].

    Raises:
        MediaError: "unreadable", "encrypted"; "no_audio" without an audio track; "truncated" when none of it can be
            decoded; "crash" or "timeout".
    """
    first = round(start_s * sample_rate)
    end = None if duration_s is None else first + round(duration_s * sample_rate)
    with open_media(path) as container:
        stream = require_audio(container, path)
        beginning = _beginning(container, stream, path)
        canvas = _Canvas(container, sample_rate, channels, beginning)
        from_s = beginning.zero_s + start_s
        last_s = float("inf") if end is None else beginning.zero_s + end / sample_rate + _RUN_OUT_S
        for timed in timed_blocks(container, stream, path, from_s, last_s):
            canvas.add(timed)
        canvas.finish()
    if not canvas.pieces:
        raise MediaError("truncated", f"{printable(path)} holds no sound that can be decoded at {start_s:.2f} s")
    return canvas.cut(first, end)


def require_audio(container: InputContainer, path: Path | str) -> AudioStream:
    """The audio track, ready to be decoded.

    Raises:
        MediaError: "no_audio".
    """
    stream = audio_stream(container)
    if stream is None:
        raise MediaError("no_audio", f"{printable(path)} has no sound track")
    channel_count(stream)
    return stream


@dataclass(frozen=True)
class _Beginning:
    """Clock information from the start of a file; times on the file's own clock."""

    zero_s: float  # time 0: the first frame, or the first audio if there is no video stream
    second_block_s: float  # start of the second audio block
    block_s: float  # length of a block, 0 if they differ

    def placed(self, time_s: float) -> float:
        """A block's time without timestamp rounding, recovered if all blocks have one length."""
        if not self.block_s:
            return time_s
        exact_s = self.second_block_s + round((time_s - self.second_block_s) / self.block_s) * self.block_s
        return exact_s if abs(exact_s - time_s) <= _ROUNDING_S else time_s


def _beginning(container: InputContainer, stream: AudioStream, path: Path | str) -> _Beginning:
    """Decodes the first frame and the first blocks of a newly opened file."""
    video = video_stream(container, path) if container.streams.video else None
    zero_s: float | None = None
    blocks: list[TimedBlock] = []
    wanted = [stream] if video is None else [stream, video]
    for packet in itertools.islice(packets(container, path, *wanted), _BEGINNING_PACKETS):
        if packet.stream is stream:
            blocks.extend(_decoded_blocks(stream, packet, 0.0))
        elif video is not None and zero_s is None:
            zero_s = next((frame.time_s for frame in decoded_frames(container, video, iter([packet]))), None)
        if len(blocks) >= _BEGINNING_BLOCKS and (video is None or zero_s is not None):
            break
    if not blocks:
        return _Beginning(zero_s or 0.0, 0.0, 0.0)
    first, lengths = blocks[0], {block.length_s for block in blocks[1:_BEGINNING_BLOCKS]}
    regular = len(lengths) == 1 and not stream.codec_context.name.startswith("pcm")  # whose block lengths are arbitrary
    block_s = lengths.pop() if regular else 0.0
    return _Beginning(first.time_s if zero_s is None else zero_s, first.time_s + first.length_s, block_s)


def _decoded_blocks(stream: AudioStream, packet: Packet, time_s: float) -> Iterator[TimedBlock]:
    """A packet's audio, starting at `time_s` if it has no timestamp; damaged parts are left out."""
    try:
        blocks = stream.decode(packet)
    except av.error.FFmpegError:
        return
    for block in blocks:
        timed = TimedBlock(block, block.time if block.time is not None else time_s)
        time_s = timed.time_s + timed.length_s
        if block.samples and not block.is_corrupt:
            yield timed


def timed_blocks(
    container: InputContainer, stream: AudioStream, path: Path | str, from_s: float, to_s: float
) -> Iterator[TimedBlock]:
    """Decoded audio between two times of the file's clock, with a pre-roll; damaged parts are left out."""
    for time_s, packet in _packets_from(container, stream, path, from_s - _PREROLL_S):
        if time_s > to_s:
            return
        yield from _decoded_blocks(stream, packet, time_s)


def _packets_from(
    container: InputContainer, stream: AudioStream, path: Path | str, wanted_s: float
) -> Iterator[tuple[float, Packet]]:
    """The track's packets with their times, starting at or before a given time: a seek is a hint, and checked."""
    tick = stream.time_base or Fraction(0)
    start_s = seconds(stream.start_time or 0, tick)
    if wanted_s == float("-inf"):
        yield from _timed(packets(container, path, stream), tick)
        return
    # Matroska's index covers only the video stream: seeking in the audio would read the file up to there
    guide = container.streams.video[0] if _is(container, "matroska") and container.streams.video else stream
    for back_s in _STEPS_BACK_S:
        try:
            container.seek(ticks_at(guide, wanted_s - back_s), stream=guide)
        except av.error.FFmpegError:
            break
        found = _timed(packets(container, path, stream), tick)
        first = next(found, None)
        if first is not None and first[0] <= max(wanted_s, start_s) + _JITTER_S:
            yield first
            yield from found
            return
    with open_media(path) as again:
        stream = require_audio(again, path)
        for time_s, packet in _timed(packets(again, path, stream), tick):
            if not packet.size or time_s + seconds(packet.duration or 0, tick) >= wanted_s:
                yield time_s, packet


def _timed(found: Iterator[Packet], tick: Fraction) -> Iterator[tuple[float, Packet]]:
    time_s = 0.0
    for packet in found:
        ticks = packet.pts if packet.pts is not None else packet.dts
        time_s = seconds(ticks, tick) if ticks is not None else time_s
        yield time_s, packet
        time_s += seconds(packet.duration or 0, tick)


def jitter_s(container: InputContainer) -> float:
    """Maximum distance between a block's timestamp and the end of the previous block for them to be joined."""
    return _OGG_JITTER_S if _is(container, "ogg") else _JITTER_S


def _is(container: InputContainer, name: str) -> bool:
    return name in container.format.name.split(",")


class _Canvas:
    """Resampled audio on one grid: sample n is at n / rate after time 0."""

    def __init__(self, container: InputContainer, sample_rate: int, channels: int, beginning: _Beginning) -> None:
        self.sample_rate, self.channels, self.beginning = sample_rate, channels, beginning
        self.jitter_s = jitter_s(container)
        self.pieces: list[tuple[int, np.ndarray]] = []  # position on the grid, [C, N]
        self.last: TimedBlock | None = None

    def add(self, timed: TimedBlock) -> None:
        """Appends a block to the previous one, or places it by its own time if that differs."""
        if self.last is None or not self._follows(self.last, timed):
            self.finish()
            self._begin(timed)
        self._append(timed.block)
        self.samples += timed.block.samples
        self.last = timed

    def _follows(self, last: TimedBlock, timed: TimedBlock) -> bool:
        ours, theirs = last.block, timed.block
        return (
            (ours.sample_rate, ours.format.name) == (theirs.sample_rate, theirs.format.name)
            and ours.layout.name == theirs.layout.name
            and abs(timed.time_s - self.began_s - self.samples / ours.sample_rate) <= self.jitter_s
        )

    def _begin(self, timed: TimedBlock) -> None:
        """Starts a resampler, with enough silence to put the first sample on the grid."""
        self.began_s, self.samples = self.beginning.placed(timed.time_s), 0
        step = self.sample_rate / timed.block.sample_rate
        places = (self.began_s - self.beginning.zero_s) * self.sample_rate - np.arange(_GRID_TRIALS) * step
        silence = int(np.argmin(np.abs(places - np.round(places)).round(6)))
        self.place = round(places[silence])
        layout = "mono" if self.channels == 1 else "stereo"
        self.resampler = av.AudioResampler(format="fltp", layout=layout, rate=self.sample_rate)
        if silence:
            self._append(_silent(timed.block, silence))

    def _append(self, block: AudioFrame | None) -> None:
        for part in self.resampler.resample(block):
            self.pieces.append((self.place, part.to_ndarray()))
            self.place += part.samples

    def finish(self) -> None:
        """Flushes the resampler."""
        if self.last is not None:
            self._append(None)
            self.last = None

    def cut(self, first: int, end: int | None) -> np.ndarray:
        """The samples from `first` up to `end` (exclusive), or to the last; where pieces overlap, the first."""
        last = max((place + piece.shape[1] for place, piece in self.pieces), default=first)
        waveform = np.zeros((self.channels, max(0, (last if end is None else end) - first)), np.float32)
        heard_to = first
        for place, piece in self.pieces:
            begin, stop = max(place, heard_to), min(place + piece.shape[1], first + waveform.shape[1])
            if begin < stop:
                waveform[:, begin - first : stop - first] = piece[:, begin - place : stop - place]
                heard_to = stop
        return waveform


def _silent(like: AudioFrame, samples: int) -> AudioFrame:
    """Silence in another block's format."""
    silent = AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    for plane in silent.planes:
        plane.update(bytes([128 if like.format.name.startswith("u8") else 0]) * plane.buffer_size)
    silent.sample_rate, silent.time_base, silent.pts = like.sample_rate, like.time_base, None
    return silent
