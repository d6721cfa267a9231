"""The experiments over what the flow has made: the ablation (paper Table 5), the comparison of systems (Table 3), the
video encoders (Table 6), retrieval (Table 7), data size and cleaning (section 6.2) and sweeps of the sampling.

Each reads its variants from the section of its own name. Not part of the default flow.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from kedro.pipeline import Pipeline, node
from matplotlib.figure import Figure

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.experiments.config import ExperimentConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.tracking import active_logger
from vmas_pipeline.training.config import TrainConfig

EXPERIMENTS = {
    "ablation": "variant",
    "comparison": "system",
    "encoders": "encoder",
    "retrieval": "system",
    "data_size": "variant",
    "data_cleaning": "variant",
    "sweeps": "variant",
}
"""Name -> what its table calls a variant."""


def _runner(name: str) -> Callable[..., pd.DataFrame]:
    def run_variants(
        config: ExperimentConfig,
        train: TrainConfig,
        generation: GenerationConfig,
        evaluation: EvaluationConfig,
        clip: ClipSpec,
        features: Path,
        codec_model: Path,
        model: Path,
        reconstructed: Path,
        manifest: pd.DataFrame,
        audio_cache_folder: Path,
        experiments_folder: Path,
    ) -> pd.DataFrame:
        from vmas_pipeline.experiments.run import Flow, run_experiment

        flow = Flow(
            train=train,
            generation=generation,
            evaluation=evaluation,
            clip=clip,
            features=features,
            codec=codec_model,
            model=model,
            reconstructed=reconstructed,
            manifest=manifest,
            audio_cache=audio_cache_folder,
        )
        return run_experiment(name, config, flow, experiments_folder / name, label=EXPERIMENTS[name])

    return run_variants


def _reporter(name: str) -> Callable[..., Path]:
    def write_report(
        table: pd.DataFrame,
        evaluation: EvaluationConfig,
        clip: ClipSpec,
        features: Path,
        manifest: pd.DataFrame,
        experiments_folder: Path,
        report_folder: Path,
    ) -> Path:
        from vmas_pipeline.experiments.report import write_experiment_report

        work = experiments_folder / name
        shown, worst = evaluation.report_clips, evaluation.report_worst
        page = write_experiment_report(report_folder, name, table, work, clip, features, manifest, shown, worst)
        active_logger().artifact(page, name)
        active_logger().artifact(page.with_name(f"{name}-media"), f"{name}/{name}-media")
        print(f"{name}: {page}", flush=True)
        return page.parent

    return write_report


def _drawer(name: str) -> Callable[[pd.DataFrame], Figure]:
    def draw_variants(table: pd.DataFrame) -> Figure:
        from vmas_pipeline.experiments.plot import plot_experiment

        figure = plot_experiment(table)
        active_logger().figure(name, figure)
        return figure

    return draw_variants


def pipeline(name: str) -> Pipeline:
    """The pipeline of one of `EXPERIMENTS`."""
    inputs = [f"params:{section}" for section in (name, "train", "generation", "evaluation", "clip")]
    inputs += ["features", "codec_model", "model", "reconstructed", "manifest", "audio_cache_folder"]
    inputs += ["experiments_folder"]
    reported = ["params:evaluation", "params:clip", "features", "manifest", "experiments_folder", "report_folder"]
    return Pipeline(
        [
            node(_runner(name), inputs, f"{name}_table", name=f"run_{name}"),
            node(
                _reporter(name),
                [f"{name}_table", *reported],
                f"{name}_report",
                name=f"report_{name}",
            ),
            node(_drawer(name), f"{name}_table", f"{name}_plot", name=f"draw_{name}"),
        ]
    )
