"""ablation: the rows of the paper's Table 5, trained and evaluated identically. Not part of the default flow."""

from pathlib import Path

import pandas as pd
from kedro.pipeline import Pipeline, node
from matplotlib.figure import Figure

from vmas_pipeline.ablation.config import AblationConfig
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.tracking import active_logger
from vmas_pipeline.training.config import TrainConfig


def train_variants(
    config: AblationConfig,
    train: TrainConfig,
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    clip: ClipSpec,
    features: Path,
    codec_model: Path,
    manifest: pd.DataFrame,
    ablation_folder: Path,
) -> pd.DataFrame:
    from vmas_pipeline.ablation.run import run_ablation

    return run_ablation(config, train, generation, evaluation, clip, features, codec_model, manifest, ablation_folder)


def draw_ablation(table: pd.DataFrame) -> Figure:
    from vmas_pipeline.ablation.plot import plot_ablation

    figure = plot_ablation(table)
    active_logger().figure("ablation", figure)
    return figure


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                train_variants,
                [
                    "params:ablation",
                    "params:train",
                    "params:generation",
                    "params:evaluation",
                    "params:clip",
                    "features",
                    "codec_model",
                    "manifest",
                    "ablation_folder",
                ],
                "ablation_table",
                name="train_variants",
            ),
            node(draw_ablation, "ablation_table", "ablation_plot", name="draw_ablation"),
        ]
    )
