"""Reads and writes samples in WebDataset shards.

`{clip_id}.jpg` is a film strip, the frames stacked vertically; `.npz` contains codes and curves; `.json` contains the
manifest's row and the shapes.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from upath import UPath

from vmas_pipeline.media import whole_file

if TYPE_CHECKING:
    import pandas as pd

Folder = Path | UPath
"""On this machine, or at a URL that fsspec reads."""

JPEG_QUALITY = 95
JPEG_ROWS = 65500  # libjpeg's maximum


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One clip, ready for training or evaluation. T tokens, F frames, K codebooks."""

    clip_id: str
    frames: np.ndarray  # uint8 [F, H, W, 3], RGB
    codes: np.ndarray  # int16 [K, T]
    beat_weights: np.ndarray  # float32 [T]
    music_beats: np.ndarray  # bool [T]
    video_beats: np.ndarray  # bool [T]
    flow: np.ndarray  # float32 [F - 1]
    onsets_s: np.ndarray  # float32 [n], seconds
    peaks_s: np.ndarray  # float32 [m], seconds
    curves: dict[str, np.ndarray]  # by name, float32 [F, E]
    row: dict[str, Any]  # the manifest's row


ARRAYS = ("codes", "beat_weights", "music_beats", "video_beats", "flow", "onsets_s", "peaks_s")
CURVE = "curve."
"""Prefix of the curves' names in the .npz."""


def encode_sample(sample: Sample) -> dict[str, Any]:
    """A sample in WebDataset form: `__key__`, and bytes for jpg, npz and json."""
    arrays = {name: getattr(sample, name) for name in ARRAYS}
    arrays |= {CURVE + name: curve for name, curve in sample.curves.items()}
    shapes = {name: list(array.shape) for name, array in {"frames": sample.frames, **arrays}.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return {
        "__key__": sample.clip_id,
        "jpg": encode_strip(sample.frames),
        "npz": buffer.getvalue(),
        "json": json.dumps({"row": sample.row, "shapes": shapes}).encode(),
    }


def decode_sample(stored: Mapping[str, Any]) -> Sample:
    """The inverse of `encode_sample`, up to JPEG loss in the frames.

    Args:
        stored: `__key__`, and bytes under jpg, npz and json, as WebDataset yields them undecoded.
    """
    described = json.loads(stored["json"])
    with np.load(io.BytesIO(stored["npz"])) as arrays:
        found = {name: arrays[name] for name in ARRAYS}
        curves = {name.removeprefix(CURVE): arrays[name] for name in arrays.files if name.startswith(CURVE)}
    frames = decode_strip(stored["jpg"], described["shapes"]["frames"][0])
    return Sample(clip_id=stored["__key__"], frames=frames, curves=curves, row=described["row"], **found)


def encode_strip(frames: np.ndarray) -> bytes:
    """Frames uint8 [F, H, W, 3] RGB -> one JPEG [F * H, W], colours at full resolution.

    Raises:
        ValueError: a strip longer than JPEG allows.
    """
    import cv2

    count, height, width, _ = frames.shape
    check_strip(count, height)
    strip = cv2.cvtColor(frames.reshape(count * height, width, 3), cv2.COLOR_RGB2BGR)
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", strip, settings)[1].tobytes()


def check_strip(frames: int, height: int) -> None:
    """Raise a ValueError if this many frames of this height do not fit one JPEG."""
    if frames * height > JPEG_ROWS:
        raise ValueError(
            f"a film strip of {frames} frames of {height} rows exceeds JPEG's {JPEG_ROWS} rows: lower clip.frame_size, "
            "clip.frame_rate or clip.duration_s"
        )


def decode_strip(jpeg: bytes, frames: int) -> np.ndarray:
    """One JPEG -> uint8 [frames, H, W, 3], RGB."""
    import cv2

    strip = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert strip is not None, "a shard's film strip is no JPEG"
    return strip.reshape(frames, -1, *strip.shape[1:])


def write_shard(path: Path, samples: Iterable[Sample]) -> list[tuple[int, int]]:
    """Write samples to a tar atomically; equal samples give equal bytes.

    Returns:
        Each sample's byte offset and length in the file.
    """
    from webdataset import TarWriter

    ends = [0]
    with (
        whole_file(path) as temporary,
        temporary.open("wb") as stream,
        TarWriter(stream, encoder=False, mtime=0) as tar,
    ):
        for sample in samples:
            tar.write(encode_sample(sample))
            ends.append(tar.tarstream.offset)
    return [(start, end - start) for start, end in pairwise(ends)]


def read_shards(folder: Folder) -> Iterator[Sample]:
    """All samples of a split's folder, in the order of its shards.

    Raises:
        ValueError: a folder without shards.
    """
    shards: list[Folder] = [*folder.glob("[0-9]*.tar")]
    if not shards:
        raise ValueError(f"no shards in {folder}: run `kedro run --pipelines=features` first")
    for shard in sorted(shards, key=str):
        with shard.open("rb") as stream:
            yield from map(decode_sample, _stored_samples(stream))


def read_index(split: Folder) -> "pd.DataFrame":
    """The index of a split's shards.

    Raises:
        ValueError: there is none, it is empty, or an earlier version wrote it.
    """
    import pandas as pd

    file = split / "index.parquet"
    if not file.exists():
        raise ValueError(f"no {file}: run `kedro run --pipelines=features` first")
    with file.open("rb") as stream:
        index = pd.read_parquet(stream)
    if index.empty or "offset" not in index:
        why = "names no clips" if index.empty else "was written by an earlier version"
        raise ValueError(f"{file} {why}: run `kedro run --pipelines=features` again")
    return index


def read_clips(split: Folder, clips: "pd.DataFrame") -> Iterator[Sample]:
    """Read some clips of a split, in row order; nothing else is read.

    Args:
        split: folder of the shards.
        clips: rows of `read_index`.
    """
    places = clips[["shard", "offset", "length", "clip_id"]].itertuples(index=False, name=None)
    for shard, offset, length, clip_id in places:
        yield read_clip(split / shard, offset, length, clip_id)


def read_clip(shard: Folder, offset: int, length: int, clip_id: str) -> Sample:
    """Read a clip by its position in a shard.

    Raises:
        ValueError: it cannot be read; the message names clip and file.
    """
    try:
        with shard.open("rb") as file:
            file.seek(int(offset))
            return sample_from_bytes(file.read(int(length)))
    except (OSError, tarfile.TarError, StopIteration, KeyError) as error:
        raise ValueError(
            f"clip {clip_id} cannot be read from {shard} ({error}): delete that file and run "
            "`kedro run --pipelines=features`, which makes it again"
        ) from error


def sample_from_bytes(data: bytes) -> Sample:
    """The sample in the bytes at a position returned by `write_shard`."""
    return decode_sample(next(_stored_samples(io.BytesIO(data))))


def _stored_samples(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The files of a tar grouped by key; a sample's files are adjacent."""
    stored: dict[str, Any] = {}
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            if stored and stored["__key__"] != key:
                yield stored
                stored = {}
            content = tar.extractfile(member)
            assert content is not None, f"{member.name} in a shard is no file"
            stored |= {"__key__": key, extension: content.read()}
    if stored:
        yield stored
