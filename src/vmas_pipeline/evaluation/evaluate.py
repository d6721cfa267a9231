"""The evaluation of a model: measure, compute the figures, write them and the report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.figures import compute_figures
from vmas_pipeline.evaluation.measure import measure
from vmas_pipeline.evaluation.report import write_report
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec, whole_file
from vmas_pipeline.tracking import RunLogger

if TYPE_CHECKING:
    from pandas import DataFrame


def evaluate(
    config: EvaluationConfig,
    clip: ClipSpec,
    model: Path,
    features: Path,
    manifest: "DataFrame",
    out: Path,
    report: Path | None = None,
    logger: RunLogger | None = None,
) -> dict[str, Any]:
    """Measure a model on held-out clips.

    Args:
        config: which clips, and what listens.
        clip: length and rates of a clip.
        model: the model folder.
        features: folder of the shards, `<split>/*.tar`.
        manifest: the clips with their splits, genres and sources.
        out: gets metrics.json and clips.parquet.
        report: gets report.html and media/; None writes no report.
        logger: the MLflow run that gets the figures, and the report as an artifact.

    Returns:
        What metrics.json holds: each figure with its chance level and ceiling.

    Raises:
        ValueError: Another clip than the model's, too few clips to compare, or no shards of the split.
        ModelFolderError: `model` is no model folder.
    """
    generator = Generator.load(model, int8=config.int8)
    if generator.clip != clip:
        raise ValueError(f"the model in {model} was trained on {generator.clip}, but clip is {clip}: train it again")
    measured = measure(config, clip, generator, features, manifest)
    figures = compute_figures(config, measured, clip.frame_rate)
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(out / "clips.parquet") as temporary:
        figures.clips.to_parquet(temporary, index=False)
    with whole_file(out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(figures.metrics, indent=2) + "\n")
    if report is not None:
        write_report(report, figures, measured, generator, run_id=logger.run_id if logger else None)
    if logger is not None:
        _log(logger, figures.metrics, report)
    return figures.metrics


def _log(logger: RunLogger, metrics: dict[str, Any], report: Path | None) -> None:
    from vmas_pipeline.tracking import flatten

    numbers = {name: value for name, value in flatten(metrics, "/").items() if isinstance(value, int | float)}
    logger.metrics({f"evaluation/{name}": value for name, value in numbers.items()})
    if report is not None:
        logger.artifact(report / "report.html", "report")
        logger.artifact(report / "media", "report/media")
