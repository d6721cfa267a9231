"""Existing music in a folder, from an external system."""

# B clips, N samples of a clip

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, read_audio
from vmas_pipeline.versioning import content_hash

ENDINGS = (".flac", ".wav")


class RecordedSystem:
    """A folder of `<clip_id>.flac` or `.wav`; for whole videos, of files named after the video."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        self.folder = folder
        self.name = folder.name
        self.revision = content_hash(folder)
        self.clip: ClipSpec | None = None
        self.sample_rate = sample_rate

    @classmethod
    def load(cls, source: Path) -> Self:
        """Load from the folder; the first file sets the sample rate, others are resampled to it.

        Raises:
            ValueError: it contains no WAV or FLAC file.
        """
        import soundfile

        files = sorted(path for path in source.glob("*") if path.suffix in ENDINGS)
        if not files:
            raise ValueError(f"{source} holds no .wav or .flac file: give a folder of <clip_id>.wav or .flac")
        return cls(source, soundfile.info(files[0]).samplerate)

    def about(self) -> dict[str, Any]:
        """Nothing is known except that it was recorded."""
        return {"recorded": self.folder.name}

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
        for ending in ENDINGS:
            if (file := self.folder / f"{name}{ending}").is_file():
                return file
        raise ValueError(f"{self.folder} has no {name}.flac or .wav: record it, or leave the clip out")
