"""Output containers, and checks of where they can be written."""

# C channels, N samples

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.files import whole_file

BITS_PER_CHANNEL = 96_000
"""Bit rate of AAC and Opus for each channel."""

_NAME_BYTES = 255
"""Maximum length of a file name on Linux, macOS and Windows file systems."""

_SAMPLE_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)


@dataclass(frozen=True, kw_only=True)
class Container:
    """The contents of a file with a given suffix."""

    format: str  # FFmpeg's name
    audio: tuple[str, ...]  # FFmpeg's options for the music's encoder
    subtitles: dict[str, str]  # output codec for subtitles of each codec; others are dropped
    attachments: bool = False
    covers: bool = False  # as a stream; if attachments are supported, a cover is one
    hides: bool = False  # frames needed only to decode others, by an edit list


_AAC = ("aac", "-aac_coder", "fast")  # half the time of the default search, without audible loss or loss of onsets
_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_MP4 = dict.fromkeys(_TEXT, "mov_text") | {"dvd_subtitle": "copy"}
_MKV = dict.fromkeys((*_TEXT, "hdmv_pgs_subtitle", "hdmv_text_subtitle", "dvd_subtitle", "dvb_subtitle"), "copy")

CONTAINERS = {
    ".mp4": Container(format="mp4", audio=_AAC, subtitles=_MP4, covers=True, hides=True),
    ".m4v": Container(format="mp4", audio=_AAC, subtitles=_MP4, covers=True, hides=True),
    ".mov": Container(format="mov", audio=_AAC, subtitles=_MP4, hides=True),
    ".mkv": Container(
        format="matroska",
        audio=_AAC,
        subtitles=_MKV | {"mov_text": "subrip", "text": "subrip"},
        attachments=True,
    ),
    ".webm": Container(format="webm", audio=("libopus",), subtitles=dict.fromkeys(_TEXT, "webvtt")),
}
"""Containers by file suffix."""


@contextmanager
def output(out_path: Path, keep: bool = True) -> Iterator[Path]:
    """A temporary name for the output; errors from its folder, name and disk mention the output's name."""
    name = os.fsencode(out_path.name)
    if len(name) > _NAME_BYTES:
        raise MediaError("output", f"{printable(out_path)} has a name of {len(name)} bytes: {_NAME_BYTES} is the most")
    try:
        with whole_file(out_path, keep=keep) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or str(error)
        raise MediaError("output", f"{printable(out_path)} cannot be written: {reason}") from error


def container_for(out_path: Path) -> Container:
    """The container for a file of this name.

    Raises:
        ValueError: an unknown suffix.
    """
    if out_path.suffix.lower() not in CONTAINERS:
        raise ValueError(f"output ({printable(out_path)}) must end in one of {', '.join(CONTAINERS)}")
    return CONTAINERS[out_path.suffix.lower()]


def check_waveform(waveform: np.ndarray, sample_rate: int) -> None:
    """Raises a ValueError unless AAC can encode a waveform [C, N] at that rate."""
    if waveform.ndim != 2 or waveform.shape[0] not in (1, 2):
        raise ValueError(f"waveform has shape {waveform.shape}: expected [channels, samples] with one or two channels")
    if sample_rate not in _SAMPLE_RATES:
        raise ValueError(f"sample_rate ({sample_rate}) is none that AAC knows: {', '.join(map(str, _SAMPLE_RATES))}")
