"""registration: the model becomes a version in the registry, and the champion if it passes its gates."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.serving.registration import RegistrationConfig
from vmas_pipeline.tracking import active_logger


def register_model(
    config: RegistrationConfig, model: Path, metrics: dict[str, Any], manifest: pd.DataFrame
) -> dict[str, Any]:
    from vmas_pipeline.serving.registration import register

    return register(config, model, metrics, manifest, active_logger().run_id)


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                register_model,
                ["params:registration", "model", "metrics", "manifest"],
                "registered",
                name="register_model",
            )
        ]
    )
