"""Real `kedro run`s of a tiny project that has our settings and hooks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

REGISTRY = """
import time
from pathlib import Path
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from kedro.pipeline import Pipeline, node


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Config:
    steps: int = 3
    rate: float = 0.5


def make(config: Config) -> str:
    return "made"


def use(text: str, config: Config) -> None:
    if config.steps < 0:
        raise ValueError(f"steps ({config.steps}) must not be negative: set tiny.steps")


def wait(config: Config) -> None:
    Path("waiting").touch()
    time.sleep(60)


def register_pipelines() -> dict[str, Pipeline]:
    made = Pipeline([node(make, "params:tiny", "text", name="make")])
    used = Pipeline([node(use, ["text", "params:tiny"], None, name="use")])
    waits = Pipeline([node(wait, "params:tiny", None, name="wait")])
    return {"make": made, "use": used, "wait": waits, "__default__": made + used}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of one package whose settings are ours."""
    root = tmp_path_factory.mktemp("tiny")
    package = root / "src" / "tiny_flow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "settings.py").write_text("from vmas_pipeline.settings import *\n")
    (package / "pipeline_registry.py").write_text(REGISTRY)
    (root / "pyproject.toml").write_text(
        '[tool.kedro]\npackage_name = "tiny_flow"\nproject_name = "tiny"\nkedro_init_version = "1.7.0"\n'
        'source_dir = "src"\n'
    )
    for folder in ("base", "local", "other"):
        (root / "conf" / folder).mkdir(parents=True)
    (root / "conf" / "base" / "mlflow.yml").write_text("experiment: tiny\n")
    (root / "conf" / "base" / "parameters.yml").write_text("tiny: {rate: 0.25}\n")
    (root / "conf" / "other" / "parameters.yml").write_text("tiny: {steps: -1}\n")
    (root / "conf" / "base" / "catalog.yml").write_text(
        f"text: {{type: kedro_datasets.text.TextDataset, filepath: {root}/text.txt}}\n"
    )
    return root


def start(project, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    return subprocess.Popen(command, cwd=project, env=environment, stdout=-1, stderr=-1, text=True)


def kedro(project, *arguments):
    """Exit status and standard error."""
    process = start(project, *arguments)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def last_run(project):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/mlruns/mlflow.db")
    return client, client.search_runs([client.get_experiment_by_name("tiny").experiment_id])[0]


def test_a_missing_input_names_the_pipeline_that_makes_it_and_nothing_runs(project):
    status, errors = kedro(project, "--pipelines=use")
    assert status == 1
    assert errors.startswith("kedro run: text not found: run `kedro run --pipelines=make` first")
    assert "Traceback" not in errors and not (project / "mlruns").exists()


def test_an_unknown_parameter_is_refused_before_anything_runs(project):
    status, errors = kedro(project, "--pipelines=make", "--params", "tiny.stepz=3")
    assert status == 1
    assert "Parameter 'tiny'" in errors and "stepz\n  Unexpected keyword argument" in errors
    assert "Traceback" not in errors and not (project / "text.txt").exists()


def test_an_unknown_section_or_environment_is_refused_in_one_line_with_the_nearest_name(project):
    status, errors = kedro(project, "--pipelines=make", "--params", "tyny.steps=3")
    assert (status, errors) == (1, "kedro run: parameter section tyny is unknown: did you mean tiny?\n")
    status, errors = kedro(project, "--env", "othre")
    assert (status, errors.count("\n")) == (1, 1)
    assert errors.startswith("kedro run: environment othre is unknown") and "base, local, other" in errors


def test_a_run_is_tracked_with_its_resolved_parameters_and_origin(project):
    status, _ = kedro(project)
    assert status == 0
    _, run = last_run(project)
    assert run.info.status == "FINISHED" and run.info.run_name == "__default__"
    assert run.data.params == {"tiny.steps": "3", "tiny.rate": "0.25"}  # the default next to what the file sets
    assert run.data.tags["kedro.env"] == "local" and run.data.tags["version.torch"]


def test_a_users_error_is_one_line_and_the_run_keeps_its_traceback(project, tmp_path):
    status, errors = kedro(project, "--env", "other")
    assert status == 1
    assert errors == "kedro run: steps (-1) must not be negative: set tiny.steps\n"
    client, run = last_run(project)
    assert run.info.status == "FAILED"
    assert run.data.params["tiny.rate"] == "0.25"  # an environment keeps the keys that it does not name
    traceback = client.download_artifacts(run.info.run_id, "error.txt", str(tmp_path))
    assert "pipeline_registry.py" in Path(traceback).read_text()


def test_a_terminated_run_ends_at_once_and_is_marked_as_killed(project):
    process = start(project, "--pipeline=wait")
    deadline = time.monotonic() + 90
    while not (project / "waiting").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and time.monotonic() - started < 20
    assert last_run(project)[1].info.status == "KILLED"
