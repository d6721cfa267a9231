"""Two evaluations on the same clips: the difference of systems and what it says, and the difference of seeds."""

from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.evaluation.bootstrap import bootstrap_mean


def difference(folder: Path, other: Path, other_name: str) -> dict[str, Any]:
    """MV Align of one system minus another's, over the clips that both have.

    Args:
        folder, other: evaluations, with clips.parquet.
        other_name: names the other in the verdict.

    Returns:
        mv_align_difference, its mean over the clips; _low and _high, its 95 % interval over videos; verdict.
    """
    from pandas import read_parquet

    ours, theirs = (read_parquet(place / "clips.parquet").set_index("clip_id") for place in (folder, other))
    both = ours.index.intersection(theirs.index)
    values = ours.loc[both, "mv_align_generated"] - theirs.loc[both, "mv_align_generated"]
    interval = bootstrap_mean(values.to_numpy(), groups=ours.loc[both, "source_id"].to_numpy())
    return {
        "mv_align_difference": interval.mean,
        "mv_align_difference_low": interval.low,
        "mv_align_difference_high": interval.high,
        "verdict": verdict(interval.mean, interval.low, interval.high, other_name),
    }


def seed_diversity(folder: Path, other: Path) -> float:
    """How much of the music is the seed's and not the video's, from two evaluations of one system with two seeds.

    Args:
        folder, other: evaluations, with clips.parquet.

    Returns:
        Mean distance between both pieces of a clip, over that between pieces of different videos, in the first
        embedding: 0 where the seed changes nothing, 1 where the video decides nothing.
    """
    from pandas import read_parquet
    from scipy.spatial.distance import cdist

    ours, theirs = (read_parquet(place / "clips.parquet").set_index("clip_id") for place in (folder, other))
    both = ours.index.intersection(theirs.index)
    distances = cdist(*(np.stack(each.loc[both, "embedding"].to_list()) for each in (ours, theirs)))
    sources = ours.loc[both, "source_id"].to_numpy()
    return float(distances.diagonal().mean() / distances[sources[:, None] != sources].mean())


def verdict(mean: float, low: float, high: float, other: str) -> str:
    """A difference and its interval in words.

    >>> verdict(-0.1, -0.2, -0.05, "vmas")
    'MV Align 0.100 below vmas (0.050 to 0.200)'
    >>> verdict(0.01, -0.02, 0.04, "vmas")
    'MV Align: no difference from vmas beyond noise (-0.020 to 0.040)'
    """
    if low <= 0 <= high:
        return f"MV Align: no difference from {other} beyond noise ({low:.3f} to {high:.3f})"
    near, far = sorted((abs(low), abs(high)))
    return f"MV Align {abs(mean):.3f} {'above' if mean > 0 else 'below'} {other} ({near:.3f} to {far:.3f})"
