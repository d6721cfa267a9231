"""The whole flow in small, by the commands that users type."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[1]


def run(project, *command):
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", *command]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project after what `make demo ENV=smoke` does, without Ray, whose start takes half a minute."""
    root = tmp_path_factory.mktemp("flow") / "project"
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(root / "conf" / "local")
    (root / "conf" / "local").mkdir()
    shutil.copy(ROOT / "pyproject.toml", root)
    inline = ",".join(f"{stage}.backend=inline" for stage in ("sample_data", "curation", "features"))
    run(root, "kedro", "run", "--env", "smoke", "--params", inline)
    (root / "demo.txt").write_text(run(root, "vmas_pipeline.pipelines.demo", "--env", "smoke"))
    return root


def test_the_demo_ends_with_a_film_that_has_its_picture_and_audible_music(project):
    from vmas_pipeline.media import probe, read_audio

    printed = dict(
        re.findall(r"^(report|registered model|video with music) +(\S+)", (project / "demo.txt").read_text(), re.M)
    )
    film = Path(printed["video with music"])
    source = next((project / "data" / "smoke" / "01_raw").rglob(film.name))
    before, after = probe(source), probe(film)
    assert (after.width, after.height, after.video_codec) == (before.width, before.height, before.video_codec)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.1)
    assert after.audio_codec == "aac" and abs(read_audio(film, sample_rate=16000)).max() > 0.01
    assert printed["registered model"] == "models:/vmas-smoke@champion"
    assert Path(printed["report"]).is_file()


def test_what_was_refused_has_its_reason_and_the_manifest_holds_the_rest(project):
    import pandas as pd

    curated = project / "data" / "smoke" / "02_curated"
    rejected, manifest = pd.read_parquet(curated / "rejected.parquet"), pd.read_parquet(curated / "manifest.parquet")
    assert {"still_picture", "no_audio", "truncated", "unreadable", "vocals", "duplicate"} <= set(rejected["reason"])
    assert set(manifest["split"]) == {"train", "validation", "test"} and manifest["clip_id"].is_unique
    assert manifest.groupby("source_id")["split"].nunique().max() == 1
    assert any((curated / "data_docs").rglob("index.html"))


def test_the_report_finds_all_that_it_shows(project):
    report = project / "data" / "smoke" / "07_reports" / "report.html"
    named = re.findall(r"""(?:src|href|poster)=["']([^"'#:]+)["']""", report.read_text())
    assert any(name.endswith(".mp4") for name in named)
    assert all((report.parent / name).is_file() for name in named)


def test_the_run_in_mlflow_holds_parameters_figures_and_samples(project):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/mlruns/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("vmas").experiment_id])
    assert run.info.status == "FINISHED" and run.data.tags["kedro.env"] == "smoke"
    assert run.data.params["train.steps"] == "12" and run.data.params["clip.frame_size"] == "64"
    metrics = json.loads((project / "data" / "smoke" / "06_evaluation" / "metrics.json").read_text())
    assert run.data.metrics["evaluation/mv_align/value"] == pytest.approx(metrics["mv_align"]["generated"])
    assert {"audio", "report"} <= {item.path for item in client.list_artifacts(run.info.run_id)}
    assert client.get_model_version_by_alias("vmas-smoke", "champion").run_id == run.info.run_id
