"""The model registry: resolves an address such as models:/vmas@champion to its model folder."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vmas_pipeline import tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))$")
ARTIFACT = "vmas"
"""Name of the model folder among a registered model's artifacts."""
LICENCES = "licences.json"
"""Beside it: the number of training clips under each licence."""

_BEFORE = "{alias}.before"
"""Tag of a registered model: the version that had the alias before."""


def model_folder(model: str) -> Path:
    """The folder of a model given as a registry address (downloaded if the registry is remote) or as a folder."""
    if not model.startswith("models:"):
        return Path(model)
    address = check_address(model)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        version = _version(mlflow.MlflowClient(), model, **address)
        registered = Path(mlflow.artifacts.download_artifacts(artifact_uri=_location(version)))
    except MlflowException as error:
        raise ValueError(f"{model} cannot be had from {mlflow.get_tracking_uri()}: {error}") from error
    artifacts = mlflow.models.Model.load(registered).flavors["python_function"]["artifacts"]
    return registered / artifacts[ARTIFACT]["path"]


@contextmanager
def model_folder_meanwhile(model: str) -> Iterator[Callable[[], Path]]:
    """`model_folder`, found by a process of its own while the caller imports torch: MLflow's import takes as long.

    What is given waits for the answer.

    Raises:
        ValueError: at once if it is no address or there is no registry, and as `model_folder` by what is given.
    """
    if not model.startswith("models:"):
        yield lambda: Path(model)
        return
    check_address(model)
    command = [sys.executable, "-m", "vmas_pipeline.registry", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:

        def found() -> Path:
            folder, errors = process.communicate()
            if process.returncode:
                raise ValueError(os.fsdecode(errors).strip().rpartition("\n")[2])
            return Path(os.fsdecode(folder))

        try:
            yield found
        finally:
            process.kill()


def version_of(model: str) -> str:
    """The version that an address means now: an alias can move at any time."""
    address = check_address(model)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return str(_version(mlflow.MlflowClient(), model, **address).version)
    except MlflowException as error:
        raise ValueError(f"{model} cannot be had from {mlflow.get_tracking_uri()}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a registered model."""

    number: int
    aliases: tuple[str, ...]
    gate: str  # passed or failed; empty if there was none
    failed: str  # rules that it failed
    registered: datetime


def versions(name: str) -> list[Version]:
    """All versions of a model, the newest first.

    Raises:
        ValueError: none is registered.
    """
    _find_registry()
    import mlflow

    client = mlflow.MlflowClient()
    found = client.search_model_versions(f"name='{name}'")
    if not found:
        raise ValueError(f"no model {name} is registered yet; run `make demo` or `kedro run`")
    aliases = client.get_registered_model(name).aliases  # not those of the versions found, which are empty
    listed = [
        Version(
            number=int(each.version),
            aliases=tuple(sorted(alias for alias, number in aliases.items() if int(number) == int(each.version))),
            gate=each.tags.get("gate", ""),
            failed=each.tags.get("gate.failed", ""),
            registered=datetime.fromtimestamp(each.creation_timestamp / 1000),
        )
        for each in found
    ]
    return sorted(listed, key=lambda each: -each.number)


def move_alias(name: str, alias: str, number: int) -> None:
    """Give an alias to a version; which had it before is kept in a tag, for `alias_before`."""
    import mlflow

    client = mlflow.MlflowClient()
    before = client.get_registered_model(name).aliases.get(alias)
    client.set_registered_model_alias(name, alias, str(number))
    if before is not None and int(before) != number:
        client.set_registered_model_tag(name, _BEFORE.format(alias=alias), str(before))


def alias_before(name: str, alias: str) -> int | None:
    """The version that had the alias before the one that has it."""
    import mlflow

    before = mlflow.MlflowClient().get_registered_model(name).tags.get(_BEFORE.format(alias=alias))
    return None if before is None else int(before)


def check_address(model: str) -> dict[str, str]:
    """The parts of an address, and MLflow pointed at the registry; without MLflow's import, which takes seconds.

    Raises:
        ValueError: it is no address, or there is no registry.
    """
    address = ADDRESS.match(model)
    if address is None:
        raise ValueError(f"{model} is no address of a model: write models:/vmas@champion or models:/vmas/3")
    _find_registry()
    return address.groupdict()


def _version(client: "MlflowClient", model: str, name: str, alias: str | None, version: str | None) -> "ModelVersion":
    known = {str(found.version): found for found in client.search_model_versions(f"name='{name}'")}
    if not known:
        raise ValueError(f"{model}: no model {name} is registered yet; run `make demo` or `kedro run`")
    if alias:
        version = str(client.get_registered_model(name).aliases.get(alias))
    if version not in known:
        versions = ", ".join(f"models:/{name}/{number}" for number in sorted(known, key=int))
        why = "; a version becomes the champion when it passes its gate" if alias else ""
        raise ValueError(f"{model} does not exist: use one of {versions}{why}")
    return known[str(version)]


def _location(version: "ModelVersion") -> str:
    """Where the version's files are; for a registry on this machine a path, which avoids copying.

    MLflow stores absolute paths: if the project was moved, the files are looked up next to the registry.
    """
    import mlflow

    assert version.source, f"version {version.version} was registered without a source"
    recorded = mlflow.MlflowClient().get_logged_model(version.source.removeprefix("models:/")).artifact_location
    path, registry = Path(recorded.removeprefix("file://")), mlflow.get_tracking_uri().removeprefix("sqlite:///")
    if "://" in recorded.removeprefix("file://") or path.is_dir() or "mlruns" not in path.parts:
        return recorded
    inside = path.parts[len(path.parts) - path.parts[::-1].index("mlruns") :]
    moved = Path(registry).parent.joinpath(*inside)
    if not moved.is_dir():
        raise ValueError(
            f"version {version.version} of the model was stored in {path}, which is gone, and {moved} is not there "
            "either: move mlruns/ with the project, or train and register again (`kedro run`)"
        )
    return str(moved)


def _find_registry() -> None:
    """Point MLflow at the project's own registry, unless the environment names one."""
    if os.environ.get(tracking.URI_VARIABLE):
        return
    home = os.environ.get("VMAS_HOME")
    here, package = Path.cwd(), Path(__file__).resolve().parents[2]
    candidates = [Path(home)] if home else [here, *here.parents, package]
    for root in candidates:
        if (root / "mlruns" / "mlflow.db").is_file():
            tracking.configure(root)
            return
    raise ValueError(
        f"no model registry: mlruns/mlflow.db is not under {home or f'{here} or a folder above it'}; run `make demo` "
        "or `kedro run` in the project, or set VMAS_HOME to the project's folder"
    )


if __name__ == "__main__":  # for `model_folder_meanwhile`
    try:
        sys.stdout.buffer.write(os.fsencode(model_folder(sys.argv[1])))
    except ValueError as error:
        sys.exit(" ".join(str(error).split()))
