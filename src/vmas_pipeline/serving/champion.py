"""The current champion, measured on the current clips: metrics on an earlier test split are not comparable."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import evaluate
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.registry import model_folder
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.systems.generate import generate_clips

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from pandas import DataFrame


def champion_of(name: str, alias: str) -> "ModelVersion | None":
    """The version with the alias, if any."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return MlflowClient().get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def measure_champion(
    address: tuple[str, str],
    generation: GenerationConfig,
    evaluation: EvaluationConfig,
    clip: ClipSpec,
    features: Path,
    reconstructed: Path,
    manifest: "DataFrame",
    generated: Path,
    out: Path,
    cache: Path | None = None,
) -> dict[str, Any]:
    """The champion's metrics, as in metrics.json, on the clips that a new model is measured on.

    Args:
        address: name and alias in the registry.
        generation: which clips, and the seed.
        evaluation: the audio model and batch size.
        clip, features, reconstructed, manifest: as for `evaluate`.
        generated: gets the champion's music; existing music of the same version is not regenerated.
        out: gets its metrics.json and clips.parquet.
        cache: as for `evaluate`.

    Returns:
        The metrics; empty if there is no champion; only `reason` if it cannot process these clips.
    """
    name, alias = address
    champion = champion_of(name, alias)
    if champion is None:
        return {}
    try:
        folder = model_folder(f"models:/{name}@{alias}")
        system = load_system("vmas", folder, **generation.options)
        generate_clips(generation, clip, system, features, generated)
    except ValueError as error:
        return {"reason": f"version {champion.version} makes no music for these clips ({error})"}
    return evaluate(evaluation, clip, generated, reconstructed, features, manifest, out, cache)
