"""All music of an evaluation in one embedding, where distances between sets of it are measured."""

# N, M clips, D width of a vector

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vmas_pipeline.evaluation.audio_features import Embedded
from vmas_pipeline.evaluation.embeddings import Embedding


@dataclass(frozen=True, kw_only=True)
class Space:
    """The music of N clips and of M clips of the training split, as vectors."""

    embedding: Embedding
    first: bool
    """Whether it is the first, whose metrics keep their plain names."""
    true: Embedded
    generated: Embedded
    codec: Embedded  # the true music, encoded and decoded
    training: Embedded  # M
    training_codec: Embedded  # M, encoded and decoded

    def key(self, metric: str) -> str:
        """The metric's name in this embedding: fad, fad_msd_musicnn."""
        return metric if self.first else f"{metric}_{self.embedding.name}"

    def title(self, metric: str) -> str:
        """The metric's title in tables."""
        return metric if self.first else f"{metric}, {self.embedding.name.replace('_', ' ')}"

    @property
    def measured_with(self) -> str:
        """The embedding and the number of clips, as a figure states them."""
        return f"{self.embedding.title} ({self.true.vectors.shape[1]} wide); {len(self.true.vectors)} clips"

    def scale(self, distance: Callable[[np.ndarray, np.ndarray], float], copies: int = 2) -> dict[str, Any]:
        """A distance from the true music as a result: value, chance, ceiling, and the codec's level.

        Chance is `best_single_track`, `copies` times; the ceiling is the training split's true music.
        """
        reference = self.true.vectors
        return {
            "value": distance(reference, self.generated.vectors),
            "chance": distance(reference, np.stack([self.best_single_track] * copies)),
            "ceiling": distance(reference, self.training.vectors),
            "levels": {"codec": distance(reference, self.codec.vectors)},
            "higher_is_better": False,
        }

    @property
    def best_single_track(self) -> np.ndarray:
        """The training track nearest the mean of the true music, [D]: one track for all, the best blind."""
        training = self.training.vectors
        return training[np.square(training - self.true.vectors.mean(axis=0)).sum(axis=1).argmin()]
