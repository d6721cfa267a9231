"""The audio features that the metrics compare: embeddings and tags, onsets, tuning, fingerprints, and `Sound`."""

# B, N clips, C tags, D width of the embedding, P sub-fingerprints

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from joblib import Memory

from vmas_pipeline.audio import fingerprint
from vmas_pipeline.audio.key import Key, estimate_key
from vmas_pipeline.audio.level import Level, level
from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.pitch import Tuning, chroma, tuning
from vmas_pipeline.audio.rhythm import Rhythm, rhythm
from vmas_pipeline.evaluation.embeddings import Embedding, Network
from vmas_pipeline.versioning import code_version

_CODE = code_version("vmas_pipeline.audio.onsets", "vmas_pipeline.audio.pitch", "vmas_pipeline.audio.fingerprint")
"""A part of the cache's keys."""

_SOUND_CODE = code_version("vmas_pipeline.audio.rhythm", "vmas_pipeline.audio.key", "vmas_pipeline.audio.level")


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What is estimated of a piece of music by itself."""

    rhythm: Rhythm
    key: Key | None
    level: Level


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """N pieces of music in one embedding."""

    vectors: np.ndarray  # float32 [N, D]
    probabilities: np.ndarray | None = None  # float32 [N, C], of tags; None: the embedding knows none

    @property
    def tags(self) -> np.ndarray:
        """The probabilities, of an embedding that knows tags."""
        assert self.probabilities is not None
        return self.probabilities

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The parts concatenated."""
        tags = [part.probabilities for part in parts if part.probabilities is not None]
        return cls(
            vectors=np.concatenate([part.vectors for part in parts]),
            probabilities=np.concatenate(tags) if tags else None,
        )


@dataclass(frozen=True, kw_only=True)
class AudioFeatures:
    """Features of N pieces of music."""

    embedded: dict[str, Embedded]  # by the embedding's name
    prints: list[np.ndarray] = field(default_factory=list)  # N fingerprints, uint32 [P]
    onsets_s: list[np.ndarray] = field(default_factory=list)  # N arrays of seconds; empty if only embedded
    tunings: list[Tuning] = field(default_factory=list)  # N, or empty likewise
    sounds: list[Sound] = field(default_factory=list)  # N, or empty likewise

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The parts concatenated."""
        return cls(
            embedded={name: Embedded.joined([part.embedded[name] for part in parts]) for name in parts[0].embedded},
            prints=[each for part in parts for each in part.prints],
            onsets_s=[onsets for part in parts for onsets in part.onsets_s],
            tunings=[each for part in parts for each in part.tunings],
            sounds=[sound for part in parts for sound in part.sounds],
        )


class AudioFeatureExtractor:
    """Extracts features from waveforms; music that was analysed before is not analysed again.

    Args:
        embeddings: a network is loaded when there is music that it has not embedded yet.
        device: where the networks run.
        folder: keeps the features by the waveforms' content, the embedding and the code; None keeps none.
    """

    def __init__(
        self, embeddings: Sequence[Embedding], device: str | torch.device = "cpu", folder: Path | None = None
    ) -> None:
        memory = Memory(folder, verbose=0)
        embed = memory.cache(_embedded, ignore=["lazy"])
        self._embedders = {
            each.name: partial(embed, identity=each.identity(), lazy=_LazyNetwork(each, device)) for each in embeddings
        }
        self._print = partial(memory.cache(_print), code=_CODE)
        self._onsets = partial(memory.cache(_onsets), code=_CODE)
        self._tuning = partial(memory.cache(_tuning), code=_CODE)
        self._sound = partial(memory.cache(_sound), code=_SOUND_CODE)

    def extract(self, waveforms: np.ndarray, sample_rate: int, onsets: list[np.ndarray] | None = None) -> AudioFeatures:
        """All features of waveforms float32 [B, samples].

        Args:
            waveforms: the music.
            sample_rate: of the waveforms, in Hz.
            onsets: Known onsets; None detects them.
        """
        return replace(
            self.embed(waveforms, sample_rate),
            onsets_s=[self._onsets(each, sample_rate) for each in waveforms] if onsets is None else onsets,
            tunings=[self._tuning(each, sample_rate) for each in waveforms],
            sounds=self.sounds(waveforms, sample_rate),
        )

    def sounds(self, waveforms: np.ndarray, sample_rate: int) -> list[Sound]:
        """Rhythm, key and level alone."""
        return [self._sound(each, sample_rate) for each in waveforms]

    def embed(self, waveforms: np.ndarray, sample_rate: int) -> AudioFeatures:
        """What tells music apart: embeddings with their tags, and fingerprints."""
        return AudioFeatures(
            embedded={
                name: Embedded.joined([embed(each, sample_rate) for each in waveforms])
                for name, embed in self._embedders.items()
            },
            prints=[self._print(each, sample_rate) for each in waveforms],
        )


class _LazyNetwork:
    """An embedding's network, loaded when it is first needed."""

    def __init__(self, embedding: Embedding, device: str | torch.device) -> None:
        self.embedding, self.device = embedding, device

    @cached_property
    def network(self) -> Network:
        return self.embedding.load().to(self.device)


def _embedded(waveform: np.ndarray, sample_rate: int, identity: dict[str, object], lazy: _LazyNetwork) -> Embedded:
    """A waveform [samples] as one piece, N = 1; `identity` names the embedding."""
    network = lazy.network
    samples = _resampler(sample_rate, network.sample_rate)(torch.from_numpy(np.ascontiguousarray(waveform)))
    with torch.inference_mode():
        vector, probabilities = network(samples.to(lazy.device))
    return Embedded(
        vectors=vector[None].cpu().numpy(),
        probabilities=None if probabilities is None else probabilities[None].cpu().numpy(),
    )


def _print(waveform: np.ndarray, sample_rate: int, code: str) -> np.ndarray:
    samples = _resampler(sample_rate, fingerprint.SAMPLE_RATE)(torch.from_numpy(np.ascontiguousarray(waveform)))
    return fingerprint.audio_fingerprint(samples.numpy())


@cache
def _resampler(before: int, after: int) -> torch.nn.Module:
    """Its filters take longer to make than to use."""
    from torchaudio.transforms import Resample

    return Resample(before, after)


def _onsets(waveform: np.ndarray, sample_rate: int, code: str) -> np.ndarray:
    return onset_times(waveform, sample_rate)


def _tuning(waveform: np.ndarray, sample_rate: int, code: str) -> Tuning:
    return tuning(waveform, sample_rate)


def _sound(waveform: np.ndarray, sample_rate: int, code: str) -> Sound:
    harmony = chroma(waveform, sample_rate)
    return Sound(
        rhythm=rhythm(waveform, sample_rate, harmony), key=estimate_key(harmony), level=level(waveform, sample_rate)
    )
