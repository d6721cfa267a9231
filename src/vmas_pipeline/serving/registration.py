"""Registers a trained model as a version in the registry, and as the champion if its metrics allow."""

import base64
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.media import Limits
from vmas_pipeline.registry import ARTIFACT, LICENCES, move_alias
from vmas_pipeline.serving.champion import champion_of
from vmas_pipeline.serving.gate import AgainstChampion, Check, Gate, Results
from vmas_pipeline.serving.model_card import licence_counts, model_card

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from pandas import DataFrame

REQUIREMENTS = (
    "av",
    "encodec",
    "filelock",
    "imageio-ffmpeg",
    "librosa",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pydantic",
    "pyloudnorm",
    "safetensors",
    "scenedetect",
    "scipy",
    "silero-vad",
    "soundfile",
    "timm",
    "torch",
    "transformers",
    "universal-pathlib",
)
"""Packages that loading and serving import, besides this one, whose code is logged with the model."""

METRIC_TAG = "metric."
"""Prefix of the tags that store a version's metrics."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class RegistrationConfig:
    """Where a model is registered, and when it becomes the champion."""

    name: str = "vmas"
    """Name of the registered model."""
    alias: str = "champion"
    """The alias that a version gets when it passes all gates."""
    challenger: str = "challenger"
    """The alias that it gets when it does not: it can be served beside the champion, and promoted by hand."""
    gates: tuple[Gate, ...] = ()
    """All must pass; with none, every version becomes the champion if it is not worse than the previous one."""
    against_champion: AgainstChampion = AgainstChampion()
    """How a version must compare with the champion that it replaces."""
    max_video_megabytes: float = Field(default=64.0, gt=0)
    """Largest video that the served model accepts."""
    limits: Limits = Limits(duration_s=600.0)
    """Limits on that video's content."""


def register(
    config: RegistrationConfig,
    model: Path,
    metrics: Mapping[str, Any],
    champion_metrics: Mapping[str, Any],
    manifest: "DataFrame",
    run_id: str,
) -> dict[str, Any]:
    """Add a version of the model to the registry, and make it the champion if it passes.

    Args:
        config: names and gates.
        model: the model folder.
        metrics: contents of evaluation's metrics.json.
        champion_metrics: the same for the current champion, on the same clips (`champion.measure_champion`).
        manifest: the clips of the data set, for the model card.
        run_id: the open MLflow run, which the version links to.

    Returns:
        name, version, address, champion (whether it now is), previous_champion (its version or None), and checks, the
        rules and whether each was passed. The version's tags contain the same.

    Raises:
        ValueError: a gate on a missing metric; nothing is registered then.
    """
    from mlflow import MlflowClient

    results = {result.name: result for result in results_of(metrics)}
    client = MlflowClient()
    champion = champion_of(config.name, config.alias)
    checks = [gate.check(results) for gate in config.gates]
    checks += _comparison(config.against_champion, results, champion_metrics)
    passed = all(check.passed for check in checks)
    card = model_card(model, metrics, manifest, checks)
    model_id = _log_model(client, config, model, card, licence_counts(manifest), run_id)
    version = _add_version(client, config, model_id, run_id, card, results, checks)
    move_alias(config.name, config.alias if passed else config.challenger, int(version.version))
    return {
        "name": config.name,
        "version": int(version.version),
        "address": f"models:/{config.name}@{config.alias}" if passed else f"models:/{config.name}/{version.version}",
        "champion": passed,
        "previous_champion": int(champion.version) if champion else None,
        "checks": [{"rule": check.rule, "passed": check.passed} for check in checks],
    }


def _comparison(rule: AgainstChampion, results: Results, champion: Mapping[str, Any]) -> list[Check]:
    """The check against the champion; none if there is no champion."""
    if not champion:
        return []
    if "results" not in champion:
        return [Check(passed=True, rule=f"not compared with the champion: {champion['reason']}")]
    return [rule.check(results, {result.name: result for result in results_of(champion)})]


def _log_model(
    client: "MlflowClient",
    config: RegistrationConfig,
    model: Path,
    card: str,
    licences: Mapping[str, int],
    run_id: str,
) -> str:
    """Log the model to the run and return its id. In doing so MLflow loads it and runs the input example."""
    import mlflow

    experiment = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment, name=config.name, source_run_id=run_id, model_type="video-to-music")
    with tempfile.TemporaryDirectory() as folder:
        written, counted = Path(folder) / "model_card.md", Path(folder) / LICENCES
        written.write_text(card)
        counted.write_text(json.dumps(licences, indent=2) + "\n")
        mlflow.pyfunc.log_model(
            model_id=logged.model_id,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={ARTIFACT: str(model), "model_card": str(written), "licences": str(counted)},
            code_paths=[str(Path(__file__).resolve().parents[1])],
            pip_requirements=[f"{package}=={installed(package).split('+')[0]}" for package in REQUIREMENTS],
            input_example=[{"video_b64": _example_video(Path(folder)), "seed": 0, "seconds": 0.5}],
            model_config={"max_video_megabytes": config.max_video_megabytes, "limits": asdict(config.limits)},
        )
    client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def _example_video(folder: Path) -> str:
    """Half a second of a moving square, as the input example."""
    from vmas_pipeline.media import write_video

    frames = np.full((5, 64, 64, 3), 32, np.uint8)
    for index, frame in enumerate(frames):
        frame[24:40, 10 * index : 10 * index + 16] = 224
    path = folder / "example.mp4"
    write_video(path, frames, 10.0, np.zeros((1, 8000), np.float32), 16000)
    return base64.b64encode(path.read_bytes()).decode()


def _add_version(
    client: "MlflowClient",
    config: RegistrationConfig,
    model_id: str,
    run_id: str,
    card: str,
    results: Results,
    checks: list[Check],
) -> "ModelVersion":
    if not client.search_registered_models(f"name='{config.name}'"):
        client.create_registered_model(config.name, description="Music for video; see the card of each version.")
    failed = [check.rule for check in checks if not check.passed]
    tags = {METRIC_TAG + name: f"{r.value:.6g}" for name, r in results.items() if r.value is not None}
    tags |= {"gate": "failed" if failed else "passed", "gate.rules": "; ".join(check.rule for check in checks)}
    if failed:
        tags["gate.failed"] = "; ".join(failed)
    return client.create_model_version(
        config.name, source=f"models:/{model_id}", run_id=run_id, tags=tags, description=card, model_id=model_id
    )
