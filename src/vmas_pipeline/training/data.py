"""Batches from WebDataset shards, in an order that seed and position alone decide (docs/decisions/0006)."""

# B batch, F video frames, K codebooks, T token frames

import hashlib
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vmas_pipeline.features.shards import Folder, Sample, sample_from_bytes
from vmas_pipeline.model.conditions import Conditions

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Batch:
    """Clips as the model takes them."""

    conditions: Conditions
    codes: Tensor  # int64 [B, K, T]
    beat_weights: Tensor  # float32 [B, T]

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Each tensor changed."""
        return Batch(self.conditions.map(change), change(self.codes), change(self.beat_weights))

    def to(self, device: torch.device) -> "Batch":
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """What DataLoader calls."""
        return self.map(Tensor.pin_memory)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples into a batch, all with their video."""
    return Batch(
        conditions=Conditions.of_video(torch.from_numpy(np.stack([sample.frames for sample in samples]))),
        codes=torch.from_numpy(np.stack([sample.codes for sample in samples]).astype(np.int64)),
        beat_weights=torch.from_numpy(np.stack([sample.beat_weights for sample in samples])),
    )


class ShuffledClips(Dataset):
    """The endless sequence of training clips: seed and position alone decide what stands where.

    Each epoch holds every clip once, in an order of its own. A clip is read by its place in its shard, so that any
    position costs the same, and a run goes on at any of them, on any number of ranks.

    Args:
        folder: the features: train/index.parquet and the shards beside it, here or at any address that fsspec reads.
        seed: decides the order, and whose video is hidden.
        dropout: share of clips whose video is hidden.

    Raises:
        ValueError: no index, an empty one, or one of an earlier version.
    """

    def __init__(self, folder: Folder, *, seed: int, dropout: float):
        self.folder = folder / "train"
        self.seed, self.dropout = seed, dropout
        index = read_index(self.folder)
        self.names, self.shard = np.unique(index["shard"], return_inverse=True)
        self.clips = index["clip_id"].to_numpy(str)
        self.spans = index[["offset", "length"]].to_numpy()

    def __getitem__(self, position: int) -> tuple[Sample, bool]:
        """The clip at a position, and whether its video is shown."""
        epoch, place = divmod(position, len(self.clips))
        shown = random.Random(f"{self.seed} {position}").random() >= self.dropout
        return self.read(int(self._order(epoch)[place])), shown

    def read(self, number: int) -> Sample:
        """A clip by its row in the index."""
        offset, length = self.spans[number]
        return read_clip(self.folder / self.names[self.shard[number]], offset, length, self.clips[number])

    @lru_cache(maxsize=2)  # noqa: B019, a run has one of these
    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.clips))


@dataclass(frozen=True)
class Positions:
    """Positions of one rank's batches, without end: each batch of all ranks together is the next part of the sequence.

    It depends on the product of batch and ranks alone which clips are taken together.
    """

    start: int
    """Of the first batch of all ranks together."""
    batch: int
    rank: int
    ranks: int

    def __iter__(self) -> Iterator[list[int]]:
        for first in count(self.start + self.rank * self.batch, self.batch * self.ranks):
            yield list(range(first, first + self.batch))


def training_batches(clips: ShuffledClips, positions: Positions, workers: int = 0) -> Iterator[Batch]:
    """Batches of one rank, without end.

    Args:
        clips: what stands where.
        positions: which of them.
        workers: processes that read ahead; 0 reads when a batch is asked for. The order is the same.
    """
    return iter(
        DataLoader(
            clips,
            batch_sampler=positions,
            num_workers=workers,
            collate_fn=_collate_shown,
            multiprocessing_context="forkserver" if workers else None,
            pin_memory=torch.cuda.is_available(),
        )
    )


def _collate_shown(pairs: list[tuple[Sample, bool]]) -> Batch:
    samples, shown = zip(*pairs, strict=True)
    batch = collate(samples)
    return replace(batch, conditions=replace(batch.conditions, has_video=torch.tensor(shown)))


def read_index(split: Folder) -> "pd.DataFrame":
    """The index of a split's shards.

    Raises:
        ValueError: there is none, it is empty, or an earlier version wrote it.
    """
    import pandas as pd

    file = split / "index.parquet"
    if not file.exists():
        raise ValueError(f"no {file}: run `kedro run --pipeline=features` first")
    with file.open("rb") as stream:
        index = pd.read_parquet(stream)
    if index.empty or "offset" not in index:
        why = "names no clips" if index.empty else "was written by an earlier version"
        raise ValueError(f"{file} {why}: run `kedro run --pipeline=features` again")
    return index


def read_clip(shard: Folder, offset: int, length: int, clip_id: str) -> Sample:
    """A clip by its place in a shard.

    Raises:
        ValueError: it cannot be read; the message names clip and file.
    """
    try:
        with shard.open("rb") as file:
            file.seek(offset)
            return sample_from_bytes(file.read(length))
    except (OSError, tarfile.TarError, StopIteration, KeyError) as error:
        raise ValueError(
            f"clip {clip_id} cannot be read from {shard} ({error}): delete that file and run "
            "`kedro run --pipeline=features`, which makes it again"
        ) from error


def held_out_batches(folder: Folder, split: str, clips: int, batch: int) -> list[Batch]:
    """Clips of a split, in batches of two clips or more; none where the split has fewer than two.

    They are drawn spread over the sources, by hash, and the same every time. In a batch, neighbours are of different
    sources (the last and the first too) wherever no source has more than half of it: `Context.shuffled` pairs them.

    Args:
        folder: the features.
        split: validation or test.
        clips: clips at most.
        batch: clips in a batch.
    """
    chosen = spread(read_index(folder / split)).head(clips)
    parts = [apart(chosen.iloc[i : i + batch]) for i in range(0, len(chosen), batch)]
    return [collate(_read(folder / split, part)) for part in parts if len(part) > 1]


def _read(split: Folder, part: "pd.DataFrame") -> list[Sample]:
    rows = part[["shard", "offset", "length", "clip_id"]].to_dict("records")
    return [read_clip(split / row["shard"], row["offset"], row["length"], row["clip_id"]) for row in rows]


def spread(index: "pd.DataFrame") -> "pd.DataFrame":
    """Rows in an order that takes one clip of every source before a second of any; hashes decide among them."""
    drawn = index.assign(by_source=index["source_id"].map(_hash), by_clip=index["clip_id"].map(_hash))
    drawn = drawn.sort_values(["by_source", "by_clip"])
    return drawn.assign(turn=drawn.groupby("source_id").cumcount()).sort_values(["turn", "by_source"])


def apart(part: "pd.DataFrame") -> "pd.DataFrame":
    """Rows in an order in which neighbours, in a ring, have different sources where it can be.

    Sorted by source, the largest first, they fill every other place, then the places between: a a a b c -> a b a c a.
    """
    counts = part["source_id"].map(part["source_id"].value_counts())
    ordered = part.assign(clips=-counts).sort_values(["clips", "source_id", "clip_id"])
    places = [*range(0, len(part), 2), *range(1, len(part), 2)]
    return ordered.iloc[np.argsort(places)]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
