"""The edit list of an MP4 or QuickTime file: FFmpeg writes the start of the video stream to it, but not its end."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def end_picture(path: Path, duration_s: float) -> None:
    """Ends the first video track after `duration_s` seconds; later frames remain in the file but are not shown.

    The file is changed in place, in one write of a few bytes.

    Raises:
        ValueError: the file has no edit list for its video track.
    """
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        moov = next((box for box in _boxes(file, 0, end) if box[0] == b"moov"), None)
        if moov is None:
            raise ValueError(f"{path} has no index (moov)")
        inside = list(_boxes(file, *moov[1:]))
        scale = _movie_scale(file, next(start for name, start, _ in inside if name == b"mvhd"))
        for name, start, stop in inside:
            if name == b"trak" and _is_video(file, start, stop):
                return _set_last_duration(file, start, stop, round(duration_s * scale))
    raise ValueError(f"{path} has no video track with an edit list")


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box between two offsets."""
    while start + 8 <= stop:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = size or stop - start
        if size < header:
            return
        yield name, start + header, start + size
        start += size


def _find(file: BinaryIO, start: int, stop: int, *path: bytes) -> tuple[int, int] | None:
    """Content of a box, found by the names on the path to it."""
    for name in path:
        found = next((box for box in _boxes(file, start, stop) if box[0] == name), None)
        if found is None:
            return None
        _, start, stop = found
    return start, stop


def _movie_scale(file: BinaryIO, start: int) -> int:
    """Ticks per second of the movie's clock, the unit of edits."""
    file.seek(start)
    version = file.read(1)[0]
    file.seek(start + (20 if version else 12))
    return struct.unpack(">I", file.read(4))[0]


def _is_video(file: BinaryIO, start: int, stop: int) -> bool:
    handler = _find(file, start, stop, b"mdia", b"hdlr")
    if handler is None:
        return False
    file.seek(handler[0] + 8)
    return file.read(4) == b"vide"


def _set_last_duration(file: BinaryIO, start: int, stop: int, ticks: int) -> None:
    edits = _find(file, start, stop, b"edts", b"elst")
    if edits is None:
        raise ValueError("the video track has no edit list")
    file.seek(edits[0])
    version, count = struct.unpack(">B3xI", file.read(8))
    entry = 20 if version else 12
    file.seek(edits[0] + 8 + (count - 1) * entry)
    file.write(struct.pack(">Q" if version else ">I", ticks))
