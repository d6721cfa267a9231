"""A system's folder under 05_generated: `<clip_id>.flac`, a record of the system, and its embeddings, if any."""

# B, N clips, S samples of a clip, D width of an embedding

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.media import whole_file, write_flac

RECORD = "record.json"
EMBEDDINGS = "embeddings.npz"


@dataclass(frozen=True, kw_only=True)
class Record:
    """Which system generated a folder's music, and at what cost."""

    system: str
    revision: str
    seed: int
    code: str = ""
    """Version of the system's code, see `versioning.code_version`."""
    sample_rate: int
    about: dict[str, Any]
    compute_s: dict[str, float] = field(default_factory=dict)
    """CPU seconds of each clip, as its share of its batch's; the keys are the folder's clips."""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read a folder's record.

        Raises:
            ValueError: it has none.
        """
        if not (folder / RECORD).is_file():
            raise ValueError(f"{folder} has no {RECORD}: run `kedro run --pipelines=generation` first")
        return cls(**json.loads((folder / RECORD).read_text()))

    def write(self, folder: Path) -> None:
        """Write to a folder, atomically."""
        with whole_file(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def same_maker(self, other: "Record") -> bool:
        """Whether both records are of the same system, seed and code."""
        mine, theirs = ((r.system, r.revision, r.seed, r.code) for r in (self, other))
        return mine == theirs


def write_clip(folder: Path, clip_id: str, waveform: np.ndarray, sample_rate: int) -> None:
    """Write a waveform float32 [S] in [-1, 1] as 16-bit FLAC, atomically."""
    write_flac(clip_file(folder, clip_id), waveform[None], sample_rate)


def read_clip(folder: Path, clip_id: str) -> np.ndarray:
    """The waveform float32 [S] that `write_clip` wrote."""
    import soundfile

    return soundfile.read(clip_file(folder, clip_id), dtype="float32")[0]


def clip_file(folder: Path, clip_id: str) -> Path:
    """The file of a clip's music."""
    return folder / f"{clip_id}.flac"


def write_embeddings(folder: Path, clip_ids: list[str], video: np.ndarray, music: np.ndarray) -> None:
    """Write the vectors [N, D] of N clips, atomically."""
    with whole_file(folder / EMBEDDINGS) as temporary, temporary.open("wb") as stream:
        np.savez(stream, clip_id=np.array(clip_ids), video=video, music=music)


def read_embeddings(folder: Path, clip_ids: list[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """The vectors of these clips, float32 [N, D] each; None if the system has none."""
    if not (folder / EMBEDDINGS).is_file():
        return None
    with np.load(folder / EMBEDDINGS) as stored:
        place = {name: i for i, name in enumerate(stored["clip_id"].tolist())}
        order = [place[name] for name in clip_ids]
        return stored["video"][order], stored["music"][order]
