"""The real sqlite store, in a temporary project."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline import tracking


@dataclass(frozen=True)
class Inner:
    width: int = 3


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store for this module: creating its tables takes seconds."""
    root = tmp_path_factory.mktemp("project")
    before = os.environ.pop(tracking.URI_VARIABLE, None)
    tracking.configure(root)
    yield root
    os.environ.pop(tracking.URI_VARIABLE, None)
    if before:
        os.environ[tracking.URI_VARIABLE] = before


@pytest.fixture
def client(store):
    from mlflow import MlflowClient

    yield MlflowClient()
    tracking.end_run("KILLED")


def test_importing_tracking_does_not_import_mlflow():
    code = "import sys, vmas_pipeline.tracking; assert not {'mlflow', 'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": "src"})


def test_a_run_keeps_flattened_params_and_tags_under_the_project(store, client):
    run_id = tracking.start_run("train", {"model": {"inner": Inner()}, "steps": 5}, {"env": "base"})
    assert tracking.active_run_id() == run_id
    run = client.get_run(run_id)
    assert run.data.params == {"model.inner.width": "3", "steps": "5"}
    assert run.data.tags["env"] == "base" and run.info.run_name == "train"
    assert (store / "mlruns" / "mlflow.db").is_file()
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(store / "mlruns" / "artifacts")


def test_a_run_ends_with_the_status_it_is_given_and_is_then_no_longer_active(client):
    run_id = tracking.start_run("x", {}, {})
    tracking.end_run("FAILED")
    assert client.get_run(run_id).info.status == "FAILED"
    assert tracking.active_run_id() is None
    tracking.end_run("FINISHED")  # nothing is open: nothing happens
    assert client.get_run(run_id).info.status == "FAILED"


def test_metrics_of_one_step_arrive_in_one_batch_and_nested_names_are_grouped(client, monkeypatch):
    logger = tracking.RunLogger(tracking.start_run("x", {}, {}))
    calls = []
    log_batch = type(client).log_batch
    monkeypatch.setattr(type(client), "log_batch", lambda self, *a, **k: (calls.append(k), log_batch(self, *a, **k))[1])
    logger.metrics({"loss": 1.5, "mv_align": {"generated": 0.5, "true": np.float32(0.75)}}, step=7)
    assert len(calls) == 1
    history = client.get_metric_history(logger.run_id, "mv_align/true")
    assert [(point.step, point.value) for point in history] == [(7, 0.75)]


def test_more_params_than_one_call_takes_are_all_logged(client):
    run_id = tracking.start_run("x", {f"p{index}": index for index in range(230)}, {})
    assert len(client.get_run(run_id).data.params) == 230


def test_audio_figures_text_and_folders_become_artifacts(client, tmp_path):
    import soundfile
    from matplotlib.figure import Figure

    logger = tracking.RunLogger(tracking.start_run("x", {}, {}))
    logger.audio("sample", np.zeros((1, 1600), np.float32), 16000, step=3)
    logger.text("note.txt", "hello")
    logger.figure("curve", Figure(figsize=(1, 1)))
    logger.figure("spectrogram", Figure(figsize=(1, 1)), step=3)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("w")
    logger.artifact(tmp_path / "model", "model")
    names = {
        item.path
        for folder in ("", "audio", "figures", "model")
        for item in client.list_artifacts(logger.run_id, folder)
    }
    assert {"audio/sample-000003.wav", "note.txt", "figures/curve.png", "model/weights", "images"} <= names
    waveform, rate = soundfile.read(client.download_artifacts(logger.run_id, "audio/sample-000003.wav", str(tmp_path)))
    assert rate == 16000 and waveform.shape == (1600,)


def test_a_child_run_points_to_its_parent_and_fails_alone(client):
    parent = tracking.start_run("ablation", {}, {})
    with (
        pytest.raises(ValueError, match="diverged"),
        tracking.child_run("row", {"seed": 1}, {"variant": "plain"}) as logger,
    ):
        raise ValueError("diverged")
    child = client.get_run(logger.run_id)
    assert child.info.status == "FAILED" and child.data.tags["mlflow.parentRunId"] == parent
    assert client.get_run(parent).info.status == "RUNNING"
    with tracking.child_run("row", {}, {}) as logger:
        pass
    assert client.get_run(logger.run_id).info.status == "FINISHED"


def test_a_subprocess_logs_to_the_run_and_leaves_it_open(client):
    run_id = tracking.start_run("x", {}, {})
    code = f"from vmas_pipeline.tracking import RunLogger; RunLogger({run_id!r}).metrics({{'loss': 2.0}}, step=4)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": "src"})
    run = client.get_run(run_id)
    assert run.data.metrics == {"loss": 2.0} and run.info.status == "RUNNING"


def test_a_run_whose_process_was_killed_outright_is_closed_by_the_next(client):
    code = (
        "import os; from vmas_pipeline import tracking; "
        "print(tracking.start_run('x', {}, {}), flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": "src"}
    killed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    ).stdout.strip()
    assert client.get_run(killed).info.status == "RUNNING"
    elsewhere = client.create_run(client.get_run(killed).info.experiment_id).info.run_id
    tracking.start_run("next", {}, {})
    assert client.get_run(killed).info.status == "KILLED"
    assert client.get_run(elsewhere).info.status == "RUNNING"  # nothing says that it was this machine's


def test_a_tracking_server_named_by_the_environment_is_kept(store, tmp_path, monkeypatch):
    monkeypatch.setenv(tracking.URI_VARIABLE, "https://tracking.example")
    tracking.configure(tmp_path)
    assert os.environ[tracking.URI_VARIABLE] == "https://tracking.example"


def test_provenance_names_the_commit_whether_it_was_changed_and_the_data_lock(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True
        )

    git("init", "-q")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    tags = tracking.provenance(tmp_path)
    assert len(tags["mlflow.source.git.commit"]) == 40 and tags["git.dirty"] == "false"
    assert "dvc.lock" not in tags and tags["version.mlflow"]
    (tmp_path / "code.py").write_text("2")
    (tmp_path / "dvc.lock").write_text("lock")
    tags = tracking.provenance(tmp_path)
    assert tags["git.dirty"] == "true" and len(tags["dvc.lock"]) == 16


def test_provenance_without_a_repository_tells_the_versions_alone(tmp_path):
    assert {key.split(".")[0] for key in tracking.provenance(tmp_path)} == {"version"}


def test_a_run_that_goes_on_from_another_shows_the_whole_curve_once(store, client):
    first = tracking.RunLogger(tracking.start_run("x", {}, {}))
    for step in (10, 20, 30):
        first.metrics({"train": {"loss": float(step)}, "system": {"cpu": 1.0}}, step)
    tracking.end_run("KILLED")
    second = tracking.RunLogger(tracking.start_run("x", {}, {}))
    second.take_over(first.run_id, until=20)
    second.metrics({"train": {"loss": 30.5}}, 30)
    history = client.get_metric_history(second.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(10, 10.0), (20, 20.0), (30, 30.5)]
    run = client.get_run(second.run_id)
    assert run.data.tags["continues"] == first.run_id
    assert "system/cpu" not in run.data.metrics
    assert (second.last_step("train/loss"), second.last_step("none")) == (30, 0)


def test_a_run_that_is_no_longer_there_is_not_continued(store, client):
    logger = tracking.RunLogger(tracking.start_run("x", {}, {}))
    logger.take_over("0" * 32, until=5)
    assert "continues" not in client.get_run(logger.run_id).data.tags


def test_a_closed_run_is_open_for_the_time_of_a_block(store, client):
    logger = tracking.RunLogger(tracking.start_run("x", {}, {}))
    with logger.reopened():
        pass
    assert client.get_run(logger.run_id).info.status == "RUNNING"  # another process's affair
    tracking.end_run()
    with pytest.raises(RuntimeError), logger.reopened():
        assert client.get_run(logger.run_id).info.status == "RUNNING"
        raise RuntimeError
    assert client.get_run(logger.run_id).info.status == "FAILED"
