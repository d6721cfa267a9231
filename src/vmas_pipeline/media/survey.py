"""One pass over a whole video: samples its frames, and measures how much of each span is intact."""

# T frames, S spans, H height, W width

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.packet import Packet

from vmas_pipeline.media.container import audio_stream, open_media, packets, seconds, video_stream
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.frames import (
    TOLERANCE_S,
    TimedFrame,
    decoded_frames,
    frames_at,
    in_order,
    pixel_aspect,
    square_pictures,
)
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.sound import jitter_s, require_audio, timed_blocks
from vmas_pipeline.media.worker import in_worker

_HELD_S = 0.25
"""Maximum display time of a frame in a video of irregular rate, if the container gives no duration."""

_REGULAR = 0.9
"""A rate is regular if this fraction of the steps between frames is equal: a longer step is then a hole."""

_LONGER = 1.5
"""A step longer than this many usual ones is a hole or a held frame."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Results of one pass over a video."""

    frames: dict[int, np.ndarray]  # by size: uint8 RGB [T, size, size, 3], displayed at the requested times
    picture: np.ndarray  # float [S], fraction of each span with intact frames
    sound: np.ndarray  # float [S], fraction of each span with intact audio; 0 without an audio track


@in_worker
def survey(
    path: Path | str,
    *,
    times: Sequence[float],
    sizes: Sequence[int],
    spans: Sequence[tuple[float, float]],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Survey:
    """Decodes a video once from beginning to end.

    A frame counts from its time to the next one's if neither it nor any frame that it was predicted from is damaged. A
    missing frame is a hole, even if its packet is missing too. Damaged audio counts as missing.

    Args:
        path: a video.
        times: ascending times at which to return frames, in seconds after the first one.
        sizes: sides of those square frames in pixels; each frame is scaled to every size.
        spans: start and end of each span, in seconds after the first frame.
        limits: its `timeout_s` bounds the reading.

    Raises:
        MediaError: "unreadable", "no_video", "encrypted"; "crash" or "timeout".
    """
    with open_media(path) as container:
        video = video_stream(container, path)
        stamps: list[float] = []
        frames = decoded_frames(
            container, video, _noted(packets(container, path, video), video.time_base or Fraction(0), stamps)
        )
        first = next(frames, None)
        if first is None:
            raise MediaError("truncated", f"{printable(path)} holds no frame that can be decoded")
        zero_s = first.time_s
        shown: list[_Shown] = []
        timed = _noting(in_order(itertools.chain([first], frames), zero_s), shown)
        copies = itertools.tee(frames_at(timed, iter(times), hold=True), len(sizes))  # read in step: one frame is held
        squares = zip(*(square_pictures(c, size, pixel_aspect(video)) for c, size in zip(copies, sizes)))
        pictures = list(squares)
        for _ in timed:  # after the last requested time
            pass
    seen = _whole_picture(shown, np.sort(np.array(stamps)) - zero_s)
    heard = _whole_sound(path) - zero_s
    return Survey(
        frames={
            size: np.array([each[place] for each in pictures], np.uint8).reshape(-1, size, size, 3)
            for place, size in enumerate(sizes)
        },
        picture=np.array([_share(seen, *span) for span in spans]),
        sound=np.array([_share(heard, *span) for span in spans]),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame's times, without its pixels."""

    time_s: float
    ends_s: float
    whole: bool


def _noted(found: Iterator[Packet], tick: Fraction, stamps: list[float]) -> Iterator[Packet]:
    """Records the packets' presentation times."""
    for packet in found:
        if packet.size and not packet.is_discard and packet.pts is not None:
            stamps.append(seconds(packet.pts, tick))
        yield packet


def _noting(frames: Iterator[TimedFrame], shown: list[_Shown]) -> Iterator[TimedFrame]:
    """Records the frames' times while passing the frames on."""
    for timed in frames:
        shown.append(_Shown(timed.time_s, timed.ends_s, timed.whole))
        yield timed


def _whole_picture(shown: list[_Shown], stamps: np.ndarray) -> np.ndarray:
    """Start and end of the spans covered by intact frames: [K, 2]."""
    times, ends, whole = (np.array([getattr(one, name) for one in shown]) for name in ("time_s", "ends_s", "whole"))
    until = np.append(times[1:], ends[-1])
    usual = float(np.median(until - times))
    regular = np.mean(np.abs(until - times - usual) < usual / 4) >= _REGULAR
    lost = np.searchsorted(stamps, until - TOLERANCE_S) > np.searchsorted(stamps, times + TOLERANCE_S)
    declared = np.maximum(ends - times, usual if regular else _HELD_S)
    longest = np.where(until - times <= _LONGER * usual, np.inf, np.where(lost, usual, declared))
    return np.stack([times, np.minimum(until, times + longest)], axis=1)[whole.astype(bool)]


def _whole_sound(path: Path | str) -> np.ndarray:
    """Start and end of each audio block, on the file's clock: [K, 2]."""
    with open_media(path) as container:
        if audio_stream(container) is None:
            return np.zeros((0, 2))
        stream = require_audio(container, path)
        blocks = timed_blocks(container, stream, path, float("-inf"), float("inf"))
        spans = np.array([(block.time_s, block.time_s + block.length_s) for block in blocks]).reshape(-1, 2)
        joined = np.append(spans[1:, 0] - spans[:-1, 1] <= jitter_s(container), False)
    spans[:-1, 1] = np.where(joined[:-1], np.maximum(spans[:-1, 1], spans[1:, 0]), spans[:-1, 1])
    return spans


def _share(covered: np.ndarray, begin: float, end: float) -> float:
    """Fraction of a span covered by the sorted spans [K, 2]."""
    begins = np.maximum(covered[:, 0], begin)
    ends = np.minimum(covered[:, 1], end)
    begins[1:] = np.maximum(begins[1:], np.maximum.accumulate(ends)[:-1])  # overlaps count once
    return min(1.0, float(np.maximum(0, ends - begins).sum() / (end - begin)))
