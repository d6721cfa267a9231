"""registration: registers the model as a version, and as the champion if it passes its gates."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.serving.registration import RegistrationConfig
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.tracking import active_logger


def measure_champion(
    config: RegistrationConfig,
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    clip: ClipSpec,
    features: Path,
    reconstructed: Path,
    manifest: pd.DataFrame,
    champion_generated_folder: Path,
    champion_evaluation_folder: Path,
    audio_cache_folder: Path,
) -> dict[str, Any]:
    from vmas_pipeline.serving import champion

    return champion.measure_champion(
        (config.name, config.alias),
        generation,
        evaluation,
        clip,
        features,
        reconstructed,
        manifest,
        champion_generated_folder,
        champion_evaluation_folder,
        audio_cache_folder,
    )


def register_model(
    config: RegistrationConfig,
    model: Path,
    metrics: dict[str, Any],
    champion_metrics: dict[str, Any],
    manifest: pd.DataFrame,
) -> dict[str, Any]:
    from vmas_pipeline.serving.registration import register

    return register(config, model, metrics, champion_metrics, manifest, active_logger().run_id)


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                measure_champion,
                [
                    "params:registration",
                    "params:generation",
                    "params:evaluation",
                    "params:clip",
                    "features",
                    "reconstructed",
                    "manifest",
                    "champion_generated_folder",
                    "champion_evaluation_folder",
                    "audio_cache_folder",
                ],
                "champion_metrics",
                name="measure_champion",
            ),
            node(
                register_model,
                ["params:registration", "model", "metrics", "champion_metrics", "manifest"],
                "registered",
                name="register_model",
            ),
        ]
    )
