"""Trains and evaluates every variant, each as a child of the pipeline's MLflow run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.ablation.config import AblationConfig, plan
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import evaluate
from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.systems.generate import generate_clips, reconstruct_clips
from vmas_pipeline.tracking import child_run
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.stage import train

if TYPE_CHECKING:
    from pandas import DataFrame


def run_ablation(
    config: AblationConfig,
    base: TrainConfig,
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    clip: ClipSpec,
    features: Path,
    codec: Path,
    manifest: "DataFrame",
    work: Path,
) -> "DataFrame":
    """Train each variant with each seed and evaluate all on the same held-out clips.

    Args:
        config: the variants.
        base: the training config that they vary.
        generation: the generation settings; the ablation's own numbers of clips override its.
        evaluation: the evaluation settings.
        clip: the clip format.
        features, codec: the training data and codec.
        manifest: the clips with splits and genres.
        work: gets a folder for each variant and seed, with model, music and metrics.

    Returns:
        A row per variant and seed: fad, kl, mv_align with its chance, genre agreement, R@10, the last validation's
        losses and gap; and the MV Align difference from the first variant of the same seed, over the same clips, with
        the bounds of its 95 % bootstrap interval.

    Raises:
        ValueError: a variant sets an unknown training parameter.
    """
    from pandas import DataFrame

    planned = plan(base, config)
    asked = replace(generation, clips=config.clips, training_clips=config.training_clips)
    reconstructed = reconstruct_clips(asked, load_system("codec", codec), features, work / "codec")
    rows = []
    for number, (name, seed, settings) in enumerate(planned, start=1):
        print(f"ablation: {name}, seed {seed} ({number} of {len(planned)})", flush=True)
        folder = work / f"{name}-{seed}"
        with child_run(f"{name}-{seed}", {"train": settings}, {"variant": name, "seed": seed}) as logger:
            losses = train(settings, clip, features, codec, folder / "vmas", work / "checkpoints", run_id=logger.run_id)
            system = load_system("vmas", folder / "vmas", **generation.options)
            music = generate_clips(asked, clip, system, features, folder / "generated")
            metrics = evaluate(evaluation, clip, music, reconstructed, features, manifest, folder, logger=logger)
            row = {"variant": name, "seed": seed, **_row(metrics, losses), **_difference(work, config, name, seed)}
            logger.metrics({"ablation": {key: value for key, value in row.items() if isinstance(value, float)}})
        rows.append(row)
    return DataFrame(rows)


def _row(metrics: dict[str, Any], losses: dict[str, float]) -> dict[str, float | None]:
    results = {result.name: result for result in results_of(metrics)}
    measured = {name: results[name].value for name in ("fad", "kl", "mv_align", "genre_agreement", "r_at_10")}
    validated = {name: losses[name] for name in ("codebook_0", "beat_frames", "gap")}
    return {**measured, "mv_align_chance": results["mv_align"].chance, **validated}


def _difference(work: Path, config: AblationConfig, variant: str, seed: int) -> dict[str, float]:
    """MV Align minus the first variant's, clip by clip, with the interval of its mean."""
    from pandas import read_parquet

    first = config.names[0]
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
