"""Batches from WebDataset shards, in an order determined only by seed and position (docs/decisions/0006)."""

# B batch, F video frames, K codebooks, T token frames

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vmas_pipeline.conditioning import conditions_of_samples
from vmas_pipeline.features.curves import CURVES
from vmas_pipeline.features.curves.augment import roughen
from vmas_pipeline.features.shards import Folder, Sample, read_clip, read_clips, read_index
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.training.config import ObjectiveConfig

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Batch:
    """Clips in the model's input format."""

    conditions: Conditions
    codes: Tensor  # int64 [B, K, T]
    beat_weights: Tensor  # float32 [B, T]

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """A copy with `change` applied to each tensor."""
        return Batch(self.conditions.map(change), change(self.codes), change(self.beat_weights))

    def to(self, device: torch.device) -> "Batch":
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Called by DataLoader."""
        return self.map(Tensor.pin_memory)


def collate(samples: Sequence[Sample], sizes: VMAsConfig) -> Batch:
    """Stack samples into a batch for a model of these sizes, all with their video and curves."""
    return Batch(
        conditions=conditions_of_samples(samples, sizes),
        codes=torch.from_numpy(np.stack([sample.codes for sample in samples]).astype(np.int64)),
        beat_weights=torch.from_numpy(np.stack([sample.beat_weights for sample in samples])),
    )


@dataclass(frozen=True)
class TrainingBatch:
    """Stacks training clips, hiding some conditions of some of them, depending on their positions."""

    sizes: VMAsConfig
    objective: ObjectiveConfig
    seed: int

    def __call__(self, placed: Sequence[tuple[Sample, int]]) -> Batch:
        """Samples and their positions in the sequence."""
        samples, positions = zip(*placed, strict=True)
        batch = collate(samples, self.sizes)
        video, curves = torch.tensor([self.shown(position) for position in positions]).unbind(1)
        rough = {
            name: torch.stack([self._roughen(name, *pair) for pair in zip(values, positions, strict=True)])
            for name, values in batch.conditions.curves.items()
        }
        shown = replace(batch.conditions, has_video=video, curves=rough, has_curves=dict.fromkeys(rough, curves))
        return replace(batch, conditions=shown)

    def shown(self, position: int) -> tuple[bool, bool]:
        """Whether the clip's video is shown, and whether its curves are."""
        draw = random.Random(f"{self.seed} {position}")
        something, which = draw.random() >= self.objective.condition_dropout, draw.random()
        video = which >= self.objective.video_dropout or not self.sizes.curves
        return something and video, something and which < 1 - self.objective.curve_dropout

    def _roughen(self, name: str, curves: Tensor, position: int) -> Tensor:
        if CURVES[name].exact or not self.objective.curve_roughness:
            return curves
        draw = np.random.default_rng([self.seed, position])
        return torch.from_numpy(roughen(curves.numpy(), self.objective.curve_roughness, draw))


class ShuffledClips(Dataset):
    """The endless sequence of training clips: seed and position alone determine each entry.

    Each epoch contains every clip once, in its own order. A clip is read by its offset in its shard: any position costs
    the same, and a run can resume at any of them, on any number of ranks.

    Args:
        folder: the features: train/index.parquet and the shards next to it, local or at any URL that fsspec reads.
        seed: determines the order.
        share: of the videos whose clips are in it; they are chosen by a hash of their ids, a smaller share's among a
            larger one's.

    Raises:
        ValueError: no index, an empty one, or one of an earlier version; or the share has no clip.
    """

    def __init__(self, folder: Folder, *, seed: int, share: float = 1.0):
        self.folder = folder / "train"
        self.seed = seed
        index = read_index(self.folder)
        if share < 1:
            index = index[_hash_share(index["source_id"]) < share]
        if index.empty:
            raise ValueError(f"train.data_share {share:g} leaves no clip of {self.folder}: take a larger one")
        self.names, shard = np.unique(index["shard"], return_inverse=True)
        ids = index["clip_id"].str.encode("utf-8").to_numpy("S")
        fields = [("clip_id", ids.dtype), ("shard", np.int32), ("offset", np.int64), ("length", np.int64)]
        places = np.empty(len(index), fields)
        places["clip_id"], places["shard"] = ids, shard
        places["offset"], places["length"] = index["offset"], index["length"]
        self.places = MappedArray(places)

    def __getitem__(self, position: int) -> tuple[Sample, int]:
        """The clip at a position, and the position itself."""
        epoch, place = divmod(position, len(self.places.values))
        return self.read(int(self._order(epoch)[place])), position

    def read(self, number: int) -> Sample:
        """A clip by its row in the index."""
        clip_id, shard, offset, length = self.places.values[number].tolist()
        return read_clip(self.folder / self.names[shard], offset, length, clip_id.decode())

    @lru_cache(maxsize=2)  # noqa: B019, a run has one of these
    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.places.values))


class MappedArray:
    """An array in a temporary file of this process, read through a memory map.

    Processes to which it is pickled map the same file: tens of millions of clips lie in memory once, not once for each
    process that reads ahead.
    """

    def __init__(self, values: np.ndarray):
        self._file = NamedTemporaryFile(prefix="vmas-", suffix=".npy")  # noqa: SIM115, closed with this object
        np.save(self._file, values)
        self._file.flush()
        self.__setstate__(self._file.name)

    def __getstate__(self) -> str:
        return self.path

    def __setstate__(self, path: str) -> None:
        self.path, self.values = path, np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class Positions:
    """Endless positions of one rank's batches: each batch of all ranks together is the next part of the sequence.

    Which clips are batched together depends only on the product of batch size and ranks.
    """

    start: int
    """Position of the first batch of all ranks together."""
    batch: int
    rank: int
    ranks: int

    def __iter__(self) -> Iterator[list[int]]:
        for first in count(self.start + self.rank * self.batch, self.batch * self.ranks):
            yield list(range(first, first + self.batch))


def training_batches(
    clips: ShuffledClips, positions: Positions, stack: TrainingBatch, workers: int = 0
) -> Iterator[Batch]:
    """Endless batches of one rank.

    Args:
        clips: the sequence of clips.
        positions: positions in it.
        stack: builds a batch from them.
        workers: prefetching processes; 0 reads on demand. The order is the same.
    """
    return iter(
        DataLoader(
            clips,
            batch_sampler=positions,
            num_workers=workers,
            collate_fn=stack,
            multiprocessing_context="forkserver" if workers else None,
            pin_memory=torch.cuda.is_available(),
        )
    )


def held_out_batches(folder: Folder, split: str, clips: int, batch: int, sizes: VMAsConfig) -> list[Batch]:
    """Clips of a split, in batches of two clips or more; none if the split has fewer than two.

    They are spread over the sources, chosen by hash, and always the same. In a batch, neighbours are from different
    sources (also the last and the first) unless one source has more than half of it: `Context.shuffled` pairs them.

    Args:
        folder: the features.
        split: validation or test.
        clips: maximum number of clips.
        batch: clips per batch.
        sizes: of the model that the clips are for.
    """
    chosen = spread(read_index(folder / split)).head(clips)
    parts = [apart(chosen.iloc[i : i + batch]) for i in range(0, len(chosen), batch)]
    return [collate(list(read_clips(folder / split, part)), sizes) for part in parts if len(part) > 1]


def spread(index: "pd.DataFrame") -> "pd.DataFrame":
    """Rows in an order that takes one clip of every source before a second of any; ties are ordered by hash."""
    drawn = index.assign(by_source=index["source_id"].map(_hash), by_clip=index["clip_id"].map(_hash))
    drawn = drawn.sort_values(["by_source", "by_clip"])
    return drawn.assign(turn=drawn.groupby("source_id").cumcount()).sort_values(["turn", "by_source"])


def apart(part: "pd.DataFrame") -> "pd.DataFrame":
    """Rows in a circular order in which neighbours have different sources if possible.

    Sorted by source, the largest first, they fill every other place, then the places between: a a a b c -> a b a c a.
    """
    counts = part["source_id"].map(part["source_id"].value_counts())
    ordered = part.assign(clips=-counts).sort_values(["clips", "source_id", "clip_id"])
    places = [*range(0, len(part), 2), *range(1, len(part), 2)]
    return ordered.iloc[np.argsort(places)]


def _hash_share(names: "pd.Series") -> np.ndarray:
    """Where names lie between 0 and 1 by their hash, float64 [N]."""
    import pandas as pd

    return pd.util.hash_array(names.to_numpy(object)) / 2.0**64


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
