"""The audio features that the metrics compare: the tagger's tags and embeddings, onsets, tuning, and `Sound`."""

# B, N clips, C tags, D width of the embedding

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from joblib import Memory

from vmas_pipeline.audio.key import Key, estimate_key
from vmas_pipeline.audio.level import Level, level
from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.pitch import Tuning, chroma, tuning
from vmas_pipeline.audio.rhythm import Rhythm, rhythm
from vmas_pipeline.audio.tagger import SAMPLE_RATE, MusicTagger
from vmas_pipeline.versioning import code_version

_CODE = code_version("vmas_pipeline.audio.tagger", "vmas_pipeline.audio.onsets", "vmas_pipeline.audio.pitch")
"""A part of the cache's keys."""

_SOUND_CODE = code_version("vmas_pipeline.audio.rhythm", "vmas_pipeline.audio.key", "vmas_pipeline.audio.level")


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What is estimated of a piece of music by itself."""

    rhythm: Rhythm
    key: Key | None
    level: Level


@dataclass(frozen=True, kw_only=True)
class AudioFeatures:
    """Features of N pieces of music."""

    probabilities: np.ndarray  # float32 [N, C], of the tags
    embeddings: np.ndarray  # float32 [N, D]
    onsets_s: list[np.ndarray] = field(default_factory=list)  # N arrays of seconds; empty if only tags are needed
    tunings: list[Tuning] = field(default_factory=list)  # N, or empty likewise
    sounds: list[Sound] = field(default_factory=list)  # N, or empty likewise

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The parts concatenated."""
        return cls(
            probabilities=np.concatenate([part.probabilities for part in parts]),
            embeddings=np.concatenate([part.embeddings for part in parts]),
            onsets_s=[onsets for part in parts for onsets in part.onsets_s],
            tunings=[each for part in parts for each in part.tunings],
            sounds=[sound for part in parts for sound in part.sounds],
        )


class AudioFeatureExtractor:
    """Extracts features from waveforms of one sample rate; music heard before is not analysed again.

    Args:
        tagger: the audio model.
        sample_rate: of the waveforms, in Hz.
        cache: keeps the features by the waveforms' content, the tagger and the code; None keeps none.
    """

    def __init__(self, tagger: MusicTagger, sample_rate: int, cache: Path | None = None) -> None:
        memory = Memory(cache, verbose=0)
        self._tags = partial(
            memory.cache(_tags, ignore=["tagger"]),
            code=_CODE,
            sample_rate=sample_rate,
            model=tagger.name,
            tagger=tagger,
        )
        self._onsets = partial(memory.cache(_onsets), code=_CODE, sample_rate=sample_rate)
        self._tuning = partial(memory.cache(_tuning), code=_CODE, sample_rate=sample_rate)
        self._sound = partial(memory.cache(_sound), code=_SOUND_CODE, sample_rate=sample_rate)

    def extract(self, waveforms: np.ndarray, onsets: list[np.ndarray] | None = None) -> AudioFeatures:
        """Features of waveforms float32 [B, samples].

        Args:
            waveforms: of this extractor's sample rate.
            onsets: Known onsets; None detects them.
        """
        return replace(
            self.tags(waveforms),
            onsets_s=[self._onsets(waveform) for waveform in waveforms] if onsets is None else onsets,
            tunings=[self._tuning(waveform) for waveform in waveforms],
            sounds=self.sounds(waveforms),
        )

    def sounds(self, waveforms: np.ndarray) -> list[Sound]:
        """Rhythm, key and level alone."""
        return [self._sound(waveform) for waveform in waveforms]

    def tags(self, waveforms: np.ndarray) -> AudioFeatures:
        """Tags and embeddings alone; a clip's are the mean over its patches of 3 s."""
        probabilities, embeddings = zip(*map(self._tags, waveforms), strict=True)
        return AudioFeatures(probabilities=np.stack(probabilities), embeddings=np.stack(embeddings))


def _tags(
    waveform: np.ndarray, code: str, sample_rate: int, model: str, tagger: MusicTagger
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities float32 [C] and embedding float32 [D] of a waveform [samples]; `code` and `model` name them."""
    from torchaudio.functional import resample

    samples = torch.from_numpy(np.ascontiguousarray(waveform)).to(tagger.front_end.window.device)
    tagged = tagger.tag(resample(samples, sample_rate, SAMPLE_RATE)).mean()
    return tagged.probabilities.cpu().numpy(), tagged.embeddings.cpu().numpy()


def _onsets(waveform: np.ndarray, code: str, sample_rate: int) -> np.ndarray:
    return onset_times(waveform, sample_rate)


def _tuning(waveform: np.ndarray, code: str, sample_rate: int) -> Tuning:
    return tuning(waveform, sample_rate)


def _sound(waveform: np.ndarray, code: str, sample_rate: int) -> Sound:
    harmony = chroma(waveform, sample_rate)
    return Sound(
        rhythm=rhythm(waveform, sample_rate, harmony), key=estimate_key(harmony), level=level(waveform, sample_rate)
    )
