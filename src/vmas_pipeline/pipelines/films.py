"""films: the system on a folder of films without true music. Not part of the default flow."""

from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline, node

from vmas_pipeline.evaluation.config import FilmsConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.tracking import active_logger


def measure_films(
    config: FilmsConfig, generation: GenerationConfig, clip: ClipSpec, model: Path, films_folder: Path
) -> dict[str, Any]:
    from vmas_pipeline.evaluation.films import evaluate_films
    from vmas_pipeline.systems import load_system

    system = load_system(generation.system, model, **generation.options)
    return evaluate_films(config, clip, system, films_folder, active_logger())


def pipeline() -> Pipeline:
    inputs = ["params:films", "params:generation", "params:clip", "model", "films_folder"]
    return Pipeline([node(measure_films, inputs, "films_metrics", name="measure_films")])
