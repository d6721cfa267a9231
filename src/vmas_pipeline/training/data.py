"""Batches from WebDataset shards, in an order that seed and position alone decide."""

# B batch, F video frames, K codebooks, T token frames

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
import torch
import webdataset
from torch import Tensor

from vmas_pipeline.features.shards import Sample, decode_sample, read_shards
from vmas_pipeline.model.video_encoder import normalise_frames


@dataclass
class Batch:
    """Clips as the model takes them."""

    frames: Tensor  # uint8 [B, F, H, W, 3]
    codes: Tensor  # int64 [B, K, T]
    beat_weights: Tensor  # float32 [B, T]

    def video(self) -> Tensor:
        """Frames for the encoder, float [B, 3, F, H, W]."""
        return normalise_frames(self.frames)

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def collate(samples: list[Sample]) -> Batch:
    """Stack samples into a batch."""
    return Batch(
        frames=torch.from_numpy(np.stack([sample.frames for sample in samples])),
        codes=torch.from_numpy(np.stack([sample.codes for sample in samples]).astype(np.int64)),
        beat_weights=torch.from_numpy(np.stack([sample.beat_weights for sample in samples])),
    )


class TrainingData:
    """The endless stream of training batches of one rank.

    An epoch visits every shard of the rank once, in an order of its own, through a buffer that shuffles clips. Order
    depends on seed, epoch, rank and number of ranks, so that a run can be continued at any batch.

    Args:
        folder: the features; its train/*.tar are read.
        batch: clips in a batch.
        shuffle_buffer: clips held for shuffling.
        seed: decides the order.
        rank, ranks: this process among all; each takes every `ranks`-th shard of an epoch.

    Raises:
        ValueError: fewer shards than ranks.
    """

    def __init__(self, folder: Path, *, batch: int, shuffle_buffer: int, seed: int, rank: int = 0, ranks: int = 1):
        self.shards = sorted(str(path) for path in (folder / "train").glob("*.tar"))
        if len(self.shards) < ranks:
            raise ValueError(
                f"{folder}/train has {len(self.shards)} shards for {ranks} ranks: make more with a smaller "
                "features.clips_per_shard, or lower train.engine.processes"
            )
        self.batch, self.shuffle_buffer, self.seed = batch, shuffle_buffer, seed
        self.rank, self.ranks = rank, ranks

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batches from number `start` on, without end. What comes before is read past, not decoded."""
        raw = islice(chain.from_iterable(self._epoch(epoch) for epoch in count()), start * self.batch, None)
        samples = (decode_sample(sample) for sample in raw)
        while True:
            yield collate(list(islice(samples, self.batch)))

    def _epoch(self, epoch: int) -> Iterator[dict]:
        """One pass over the rank's shards, clips still encoded."""
        shards = np.random.default_rng([self.seed, epoch]).permutation(self.shards)[self.rank :: self.ranks]
        return iter(
            webdataset.DataPipeline(
                webdataset.SimpleShardList([str(shard) for shard in shards]),
                webdataset.tarfile_to_samples(),
                webdataset.shuffle(
                    self.shuffle_buffer,
                    initial=self.shuffle_buffer,
                    rng=random.Random(f"{self.seed} {epoch} {self.rank}"),
                ),
            )
        )


def held_out_batches(folder: Path, split: str, clips: int, batch: int) -> list[Batch]:
    """The first clips of a split, in batches of two clips or more; none where the split has fewer than two.

    Args:
        folder: the features.
        split: validation or test.
        clips: clips at most.
        batch: clips in a batch.
    """
    samples = list(islice(read_shards(folder / split), clips))
    batches = [samples[i : i + batch] for i in range(0, len(samples), batch)]
    return [collate(part) for part in batches if len(part) > 1]
