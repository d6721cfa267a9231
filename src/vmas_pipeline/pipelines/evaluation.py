"""evaluation: a system's music, as metrics and as a report with videos and audio."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.tracking import active_logger


def evaluate_system(
    config: EvaluationConfig,
    clip: ClipSpec,
    generated: Path,
    reconstructed: Path,
    features: Path,
    manifest: pd.DataFrame,
    evaluation_folder: Path,
    audio_cache_folder: Path,
    report_folder: Path,
) -> tuple[dict[str, Any], Path]:
    from vmas_pipeline.evaluation.evaluate import evaluate

    metrics = evaluate(
        config,
        clip,
        generated,
        reconstructed,
        features,
        manifest,
        evaluation_folder,
        audio_cache_folder,
        report=report_folder,
        logger=active_logger(),
    )
    return metrics, report_folder


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                evaluate_system,
                [
                    "params:evaluation",
                    "params:clip",
                    "generated",
                    "reconstructed",
                    "features",
                    "manifest",
                    "evaluation_folder",
                    "audio_cache_folder",
                    "report_folder",
                ],
                ["metrics", "report"],
                name="evaluate_system",
            )
        ]
    )
