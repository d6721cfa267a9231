"""The audio features that the metrics compare: the tagger's tags and embeddings, onsets, and tuning."""

# B, N clips, C tags, D width of the embedding

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.pitch import Tuning, tuning
from vmas_pipeline.audio.tagger import SAMPLE_RATE, MusicTagger


@dataclass(frozen=True, kw_only=True)
class AudioFeatures:
    """Features of N pieces of music."""

    probabilities: np.ndarray  # float32 [N, C], of the tags
    embeddings: np.ndarray  # float32 [N, D]
    onsets_s: list[np.ndarray] = field(default_factory=list)  # N arrays of seconds; empty if only tags are needed
    tunings: list[Tuning] = field(default_factory=list)  # N, or empty likewise

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The parts concatenated."""
        return cls(
            probabilities=np.concatenate([part.probabilities for part in parts]),
            embeddings=np.concatenate([part.embeddings for part in parts]),
            onsets_s=[onsets for part in parts for onsets in part.onsets_s],
            tunings=[each for part in parts for each in part.tunings],
        )


class AudioFeatureExtractor:
    """Extracts features from waveforms of one sample rate."""

    def __init__(self, tagger: MusicTagger, sample_rate: int) -> None:
        self.tagger = tagger
        self.sample_rate = sample_rate

    def extract(self, waveforms: np.ndarray, onsets: list[np.ndarray] | None = None) -> AudioFeatures:
        """Features of waveforms float32 [B, samples].

        Args:
            waveforms: of this extractor's sample rate.
            onsets: Known onsets; None detects them.
        """
        return replace(
            self.tags(waveforms),
            onsets_s=[onset_times(waveform, self.sample_rate) for waveform in waveforms] if onsets is None else onsets,
            tunings=[tuning(waveform, self.sample_rate) for waveform in waveforms],
        )

    def tags(self, waveforms: np.ndarray) -> AudioFeatures:
        """Tags and embeddings alone; a clip's are the mean over its patches of 3 s."""
        tagged = self.tagger.tag(self._at_taggers_rate(waveforms)).mean()
        return AudioFeatures(
            probabilities=tagged.probabilities.cpu().numpy(), embeddings=tagged.embeddings.cpu().numpy()
        )

    def _at_taggers_rate(self, waveforms: np.ndarray) -> torch.Tensor:
        from torchaudio.functional import resample

        samples = torch.from_numpy(np.ascontiguousarray(waveforms)).to(self.tagger.front_end.window.device)
        return resample(samples, self.sample_rate, SAMPLE_RATE)
