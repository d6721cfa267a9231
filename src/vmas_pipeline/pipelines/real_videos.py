"""real_videos: the model on a folder of real videos, without reference music. Not part of the default flow."""

from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline, node

from vmas_pipeline.evaluation.config import RealVideosConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.tracking import active_logger


def measure_real_videos(
    config: RealVideosConfig, generation: GenerationConfig, clip: ClipSpec, model: Path, real_videos_folder: Path
) -> dict[str, Any]:
    from vmas_pipeline.evaluation.real_videos import evaluate_real_videos
    from vmas_pipeline.systems import load_system

    system = load_system(generation.system, model, **generation.options)
    return evaluate_real_videos(config, clip, system, real_videos_folder, active_logger())


def pipeline() -> Pipeline:
    inputs = ["params:real_videos", "params:generation", "params:clip", "model", "real_videos_folder"]
    return Pipeline([node(measure_real_videos, inputs, "real_videos_metrics", name="measure_real_videos")])
