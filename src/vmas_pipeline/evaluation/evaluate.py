"""The evaluation of a system: extract features, compute the metrics, write them and the report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.measure import Measured, measure
from vmas_pipeline.evaluation.metrics import METRICS
from vmas_pipeline.evaluation.report import write_report
from vmas_pipeline.evaluation.result import MetricResult, clips_table, to_metrics, write_results
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.generated import Record
from vmas_pipeline.tracking import RunLogger

if TYPE_CHECKING:
    from pandas import DataFrame


def evaluate(
    config: EvaluationConfig,
    clip: ClipSpec,
    generated: Path,
    reconstructed: Path,
    features: Path,
    manifest: "DataFrame",
    out: Path,
    cache: Path | None = None,
    report: Path | None = None,
    logger: RunLogger | None = None,
) -> dict[str, Any]:
    """Evaluate the music that a system generated for held-out clips.

    Args:
        config: the audio model and batch size.
        clip: length and rates of a clip.
        generated: the system's folder under 05_generated.
        reconstructed: the codec's folder, the ceiling for music generated from its tokens.
        features: folder of the features.
        manifest: the clips with their splits, genres and sources.
        out: gets metrics.json and clips.parquet.
        cache: keeps the features of music by its content, so that none is analysed twice; None keeps none.
        report: gets report.html and media/; None writes no report.
        logger: the MLflow run that gets the metrics, and the report as an artifact.

    Returns:
        The contents of metrics.json: the results, and what they were measured on.

    Raises:
        ValueError: as for `measure.measure`.
    """
    measured = measure(config, clip, generated, reconstructed, features, manifest, cache)
    results = compute_metrics(measured)
    record = Record.read(generated)
    metrics = {
        "system": record.system,
        "revision": record.revision,
        "seed": record.seed,
        "clips": len(measured.rows),
        "sources": len(set(measured.sources)),
        "split": measured.rows[0]["split"],
        "gain_db": measured.gain_db,
        **to_metrics(results),
    }
    clips = clips_table(measured.about, results)
    write_results(out, metrics, clips)
    if report is not None:
        shown = choose(clips, config.report_clips, config.report_worst)
        run_id = logger.run_id if logger else None
        write_report(report, metrics, clips, measured, generated, clip, shown, config.report_worst, run_id)
    if logger is not None:
        _log(logger, results, report)
    return metrics


def compute_metrics(measured: Measured) -> list[MetricResult]:
    """Every metric of `metrics.METRICS` that this data can provide."""
    return [result for compute in METRICS for result in compute(measured)]


def choose(clips: "DataFrame", count: int, worst: int) -> list[str]:
    """Ids of `count` clips: some that do not depend on the music (`spread`), and of the others the worst by MV Align.

    Args:
        clips: contents of clips.parquet.
        count: how many in all.
        worst: how many of them are chosen because they are the worst.
    """
    before = spread(clips, max(count - worst, 0))
    others = clips[~clips["clip_id"].isin(before)].sort_values("mv_align_generated", kind="stable")
    return before + list(others["clip_id"][: count - len(before)])


def spread(clips: "DataFrame", count: int) -> list[str]:
    """Ids of `count` clips, alternating between genres, in the clips' order."""
    turn = clips.groupby("genre", dropna=False).cumcount()
    return list(clips.loc[turn.sort_values(kind="stable").index[:count], "clip_id"])


def _log(logger: RunLogger, results: list[MetricResult], report: Path | None) -> None:
    for result in results:
        levels = {"value": result.value, "chance": result.chance, "ceiling": result.ceiling, **result.levels}
        known = {name: value for name, value in levels.items() if value is not None}
        logger.metrics({f"evaluation/{result.name}/{name}": value for name, value in known.items()})
    if report is not None:
        logger.artifact(report / "report.html", "report")
        logger.artifact(report / "media", "report/media")
