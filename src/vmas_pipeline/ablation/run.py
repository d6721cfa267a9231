"""Trains and measures every variant, each as a child of the pipeline's MLflow run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.ablation.config import AblationConfig, variant_config
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import evaluate
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.tracking import child_run
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.stage import train

if TYPE_CHECKING:
    from pandas import DataFrame


def run_ablation(
    config: AblationConfig,
    base: TrainConfig,
    evaluation: EvaluationConfig,
    clip: ClipSpec,
    features: Path,
    codec: Path,
    manifest: "DataFrame",
    work: Path,
) -> "DataFrame":
    """Train each variant with each seed and measure all on the same held-out clips.

    Args:
        config: the variants.
        base: the training that they vary.
        evaluation: how they are measured; the ablation's own numbers of clips replace its.
        clip: what a clip is.
        features, codec: what they are trained from.
        manifest: the clips with splits and genres.
        work: gets a folder for each variant and seed, with model and figures.

    Returns:
        A row per variant and seed: fad, kl, mv_align with its chance, genre agreement, R@10, the last validation's
        losses and gap; and the difference of MV Align to the first variant of the same seed, over the same clips, with
        the bounds of its 95 % bootstrap interval.

    Raises:
        ValueError: a variant sets something that training does not have.
    """
    from pandas import DataFrame

    plan = [(name, seed, variant_config(base, config, name, seed)) for seed in config.seeds for name in config.variants]
    measured = replace(evaluation, clips=config.clips, training_clips=config.training_clips)
    rows = []
    for number, (name, seed, settings) in enumerate(plan, start=1):
        print(f"ablation: {name}, seed {seed} ({number} of {len(plan)})", flush=True)
        folder = work / f"{name}-{seed}"
        with child_run(f"{name}-{seed}", {"train": settings}, {"variant": name, "seed": seed}) as logger:
            losses = train(settings, clip, features, codec, folder / "vmas", work / "checkpoints", run_id=logger.run_id)
            figures = evaluate(measured, clip, folder / "vmas", features, manifest, folder, logger=logger)
            row = {"variant": name, "seed": seed, **_row(figures, losses), **_difference(work, config, name, seed)}
            logger.metrics({"ablation": {key: value for key, value in row.items() if isinstance(value, float)}})
        rows.append(row)
    return DataFrame(rows)


def _row(figures: dict[str, Any], losses: dict[str, float]) -> dict[str, float]:
    return {
        "fad": figures["fad"],
        "kl": figures["kl"],
        "mv_align": figures["mv_align"]["generated"],
        "mv_align_shuffled": figures["mv_align"]["shuffled"],
        "genre_agreement": figures["genre_agreement"],
        "r_at_10": figures["retrieval"]["r_at_10"],
        "codebook_0": losses["codebook_0"],
        "beat_frames": losses["beat_frames"],
        "gap": losses["gap"],
    }


def _difference(work: Path, config: AblationConfig, variant: str, seed: int) -> dict[str, float]:
    """MV Align less the first variant's, clip by clip, with the interval of its mean."""
    from pandas import read_parquet

    first = next(iter(config.variants))
    ours, theirs = (
        read_parquet(work / f"{name}-{seed}" / "clips.parquet").set_index("clip_id") for name in (variant, first)
    )
    difference = ours["mv_align_generated"] - theirs["mv_align_generated"].reindex(ours.index)
    interval = bootstrap_mean(difference.to_numpy(), groups=np.asarray(ours["source_id"]))
    return {
        "mv_align_difference": interval.mean,
        "mv_align_difference_low": interval.low,
        "mv_align_difference_high": interval.high,
    }
