"""Existing music in a folder, from an external system."""

# B clips, N samples of a clip

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mode
from typing import Any, Self

import numpy as np

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, MediaError, read_audio
from vmas_pipeline.versioning import content_hash

ENDINGS = (".flac", ".wav")
TOLERANCE_S = 0.05
"""By how much a recording's length may differ from the clip's without mention."""


class RecordedSystem:
    """A folder of `<clip_id>.flac` or `.wav`; for whole videos, of files named after the video."""

    def __init__(self, folder: Path, files: dict[str, Path], readable: dict[str, Any]) -> None:
        self.folder = folder
        self.files = files  # by clip id
        self.readable = readable  # soundfile's description of those that can be read
        self.name = folder.name
        self.revision = content_hash(folder)
        self.clip: ClipSpec | None = None
        self.sample_rate: int = mode(info.samplerate for info in readable.values())

    @classmethod
    def load(cls, source: Path) -> Self:
        """Load from the folder; the files' most common sample rate is kept, others are resampled to it.

        Raises:
            ValueError: it contains no WAV or FLAC file that can be read.
        """
        files = {path.stem: path for path in sorted(source.glob("*")) if path.suffix.lower() in ENDINGS}
        readable = {name: info for name, file in files.items() if (info := _info(file))}
        if not readable:
            raise ValueError(f"{source} holds no .wav or .flac file to read: give a folder of <clip_id>.wav or .flac")
        return cls(source, files, readable)

    def about(self) -> dict[str, Any]:
        """Nothing is known except that it was recorded."""
        return {"recorded": self.folder.name}

    def holds(self, clip_id: str) -> bool:
        """Whether there is a readable recording for the clip."""
        return clip_id in self.readable

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """The recording named after the video."""
        waveform = read_audio(self._file(video.stem), sample_rate=self.sample_rate, duration_s=seconds)
        return Music(waveform=waveform, sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """The clips' recordings, float32 [B, N], cut or padded with silence to the clip's length."""
        return np.stack([self._clip(sample) for sample in samples])

    def _clip(self, sample: Sample) -> np.ndarray:
        duration_s = float(sample.row["duration_s"])
        return read_audio(self._file(sample.clip_id), sample_rate=self.sample_rate, duration_s=duration_s)[0]

    def _file(self, name: str) -> Path:
        if name not in self.files:
            raise ValueError(f"{self.folder} has no {name}.flac or .wav: record it, or leave the clip out")
        return self.files[name]


def mismatches(system: RecordedSystem, clips: Mapping[str, float]) -> dict[str, list[str]]:
    """How recordings differ from what the clips ask for, in words, by kind; empty if they do not.

    Args:
        system: the recordings.
        clips: id to length in seconds.
    """
    files = system.files
    found: dict[str, list[str]] = {
        "missing, left out": [name for name in clips if name not in files],
        "extra, not used": sorted(file.name for name, file in files.items() if name not in clips),
        "unreadable, left out": [],
        "of another length": [],
        "of another sample rate, resampled": [],
        "not mono, mixed": [],
        "silent": [],
    }
    known = {name: (files[name], system.readable[name]) for name in clips if system.holds(name)}
    for name in clips:
        if name in files and name not in known:
            found["unreadable, left out"].append(files[name].name)
    for name, (file, info) in known.items():
        if abs(info.duration - clips[name]) > TOLERANCE_S:
            done = "padded with silence" if info.duration < clips[name] else "cut"
            found["of another length"].append(f"{file.name}: {info.duration:.2f} s of {clips[name]:g}, {done}")
        if info.samplerate != system.sample_rate:
            found["of another sample rate, resampled"].append(
                f"{file.name}: {info.samplerate} Hz, not {system.sample_rate}"
            )
        if info.channels != 1:
            found["not mono, mixed"].append(f"{file.name}: {info.channels} channels")
        if not read_audio(file, sample_rate=info.samplerate).any():
            found["silent"].append(file.name)
    return {kind: names for kind, names in found.items() if names}


def _info(file: Path) -> Any:
    """soundfile's description of a file; None if it cannot be read."""
    import soundfile

    try:
        info = soundfile.info(file)
        read_audio(file, sample_rate=info.samplerate, duration_s=0.1)
    except (soundfile.LibsndfileError, MediaError):
        return None
    return info
