"""Registration, loading and serving against a real registry: sqlite in a temporary project, and a real server."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vmas_pipeline import load_model, tracking
from vmas_pipeline.command.main import main
from vmas_pipeline.evaluation.result import MetricResult, to_metrics
from vmas_pipeline.media import probe, read_audio
from vmas_pipeline.production.record import read_record
from vmas_pipeline.registry import model_folder_meanwhile
from vmas_pipeline.serving.gate import Gate
from vmas_pipeline.serving.registration import RegistrationConfig, register

from ..tiny_model import film, tiny_generator

CONFIG = RegistrationConfig(gates=(Gate(metric="mv_align", at_least=3, times="chance"),), max_video_megabytes=0.2)
MANIFEST = pd.DataFrame(
    {
        "source_id": ["a", "a", "b"],
        "duration_s": [5.0, 5.0, 5.0],
        "split": ["train", "train", "test"],
        "licence": ["CC0-1.0 (synthetic)"] * 3,
        "genre": ["waltz", "waltz", None],
    }
)


def metrics(generated: float) -> dict[str, Any]:
    results = [
        MetricResult(name="fad", title="FAD", value=2.0, higher_is_better=False),
        MetricResult(name="mv_align", title="MV Align", value=generated, chance=0.1, ceiling=0.8),
    ]
    return {"clips": 1, **to_metrics(results)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("project")
    before = os.environ.pop(tracking.URI_VARIABLE, None)
    tracking.configure(root)
    tiny_generator().save(root / "vmas")
    yield root
    os.environ.pop(tracking.URI_VARIABLE, None)
    if before:
        os.environ[tracking.URI_VARIABLE] = before


def register_in_a_run(project: Path, generated: float, champion: dict[str, Any]) -> dict[str, Any]:
    run_id = tracking.start_run("registration", {}, {})
    try:
        return register(CONFIG, project / "vmas", metrics(generated), champion, MANIFEST, run_id)
    finally:
        tracking.end_run()


@pytest.fixture(scope="module")
def registered(project: Path) -> dict[str, Any]:
    """The first version, which passes its gate."""
    return register_in_a_run(project, 0.5, {})


def test_a_model_that_passes_becomes_the_champion(registered: dict[str, Any]) -> None:
    assert registered == {
        "name": "vmas",
        "version": 1,
        "address": "models:/vmas@champion",
        "champion": True,
        "previous_champion": None,
        "checks": [{"rule": "mv_align (0.500) at least 3 x its chance (0.100)", "passed": True}],
    }


def test_the_champion_makes_the_same_music_as_the_folder(
    registered: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    video = film(tmp_path / "film.mp4", 0.4)
    expected = tiny_generator().generate(video).waveform
    for address in ("models:/vmas@champion", "models:/vmas/1", str(project / "vmas")):
        assert np.array_equal(load_model(address).generate(video).waveform, expected)


def test_the_card_tells_data_figures_and_limits(registered: dict[str, Any]) -> None:
    from mlflow import MlflowClient

    version = MlflowClient().get_model_version_by_alias("vmas", "champion")
    for line in (
        "3 clips (0.00 h) of 2 videos.",
        "- Splits, by source: train 2, test 1.",
        "- Licences: CC0-1.0 (synthetic) 3.",
        "| FAD, lower is better | 2 |  |  |",
        "| MV Align | 0.5 | 0.1 | 0.8 |",
        "- passed: mv_align (0.500) at least 3 x its chance (0.100)",
        "## Limits",
    ):
        assert line in version.description.splitlines()
    assert version.tags["gate"] == "passed"
    assert version.tags["metric.mv_align"] == "0.5"


def test_a_worse_model_is_registered_but_the_champion_stays(registered: dict[str, Any], project: Path) -> None:
    from mlflow import MlflowClient

    worse = register_in_a_run(project, 0.35, metrics(0.5))
    assert (worse["champion"], worse["previous_champion"]) == (False, 1)
    assert worse["address"] == f"models:/vmas/{worse['version']}"
    assert worse["checks"][-1] == {
        "rule": "mv_align (0.350) at least the champion's 0.500 on the same clips less 0.05",
        "passed": False,
    }
    assert int(MlflowClient().get_model_version_by_alias("vmas", "champion").version) == 1
    assert str(MlflowClient().get_model_version_by_alias("vmas", "challenger").version) == str(worse["version"])
    assert MlflowClient().get_model_version("vmas", str(worse["version"])).tags["gate"] == "failed"


def test_the_champion_is_shown_chosen_and_rolled_back_by_one_command(
    registered: dict[str, Any], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def champion(*arguments: str) -> list[str]:
        main(["champion", *arguments])
        return capsys.readouterr().out.splitlines()

    with pytest.raises(SystemExit):
        champion("--back")
    assert "vmas has had one champion only: choose a version" in capsys.readouterr().err
    listed = champion()
    assert "challenger, gate failed: mv_align (0.350)" in listed[0] and "champion, gate passed" in listed[-1]
    assert champion("challenger") == ["models:/vmas@champion is version 2"]
    assert champion("--back") == ["models:/vmas@champion is version 1"]
    assert champion("--back") == ["models:/vmas@champion is version 2"]
    assert champion("1") == ["models:/vmas@champion is version 1"]
    with pytest.raises(SystemExit):
        champion("7")
    assert "7 is no version and no alias of vmas: there are 2, 1" in capsys.readouterr().err


def test_a_gate_on_an_unknown_metric_registers_nothing(project: Path) -> None:
    from mlflow import MlflowClient

    config = RegistrationConfig(name="other", gates=(Gate(metric="mv_aline", at_least=1),))
    with pytest.raises(ValueError, match="metric mv_aline is not in metrics"):
        register(config, project / "vmas", metrics(0.5), {}, MANIFEST, "none")
    assert not MlflowClient().search_registered_models("name='other'")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("models:/other@champion", "no model other is registered yet; run `make demo` or `kedro run`"),
        ("models:/vmas/99", r"models:/vmas/99 does not exist: use one of models:/vmas/1"),
        ("models:/vmas@hero", "does not exist: use one of .* becomes the champion when it passes its gate"),
        ("models:/vmas", "is no address of a model: write models:/vmas@champion or models:/vmas/3"),
    ],
)
def test_a_model_that_is_not_there_is_named(registered: dict[str, Any], address: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_model(address)


def test_a_folder_that_is_looked_up_meanwhile_is_there_or_refused_in_the_same_words(registered: dict[str, Any]) -> None:
    """That it is the right one, the end of `make demo` shows."""
    with (
        model_folder_meanwhile("models:/vmas/99") as found,
        pytest.raises(ValueError, match=r"^models:/vmas/99 does no"),
    ):
        found()
    with pytest.raises(ValueError, match="is no address"), model_folder_meanwhile("models:/vmas"):
        pass
    with model_folder_meanwhile("some/folder") as found:
        assert found() == Path("some/folder")


def test_the_registry_is_found_from_a_folder_below_the_project(
    registered: dict[str, Any], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(tracking.URI_VARIABLE)
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    assert load_model("models:/vmas/1").training == {"steps": 0}
    monkeypatch.setenv("VMAS_HOME", str(tmp_path))
    monkeypatch.delenv(tracking.URI_VARIABLE)
    with pytest.raises(ValueError, match=r"mlruns/mlflow\.db is not under .*set VMAS_HOME"):
        load_model("models:/vmas/1")


def test_a_project_that_was_moved_still_has_its_models(
    registered: dict[str, Any], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project / "mlruns", moved / "mlruns")
    (project / "mlruns" / "artifacts").rename(project / "mlruns" / "gone")
    try:
        monkeypatch.delenv(tracking.URI_VARIABLE)
        monkeypatch.setenv("VMAS_HOME", str(moved))
        assert load_model("models:/vmas/1").training == {"steps": 0}
        shutil.rmtree(moved / "mlruns" / "artifacts")
        with pytest.raises(ValueError, match=r"which is gone.*move mlruns/ with the project"):
            load_model("models:/vmas/1")
    finally:
        (project / "mlruns" / "gone").rename(project / "mlruns" / "artifacts")


@pytest.fixture(scope="module")
def server(registered: dict[str, Any], project: Path) -> Iterator[str]:
    """`mlflow models serve` in a process of its own, outside the project and without its source on the path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/vmas@champion"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with (project / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--env-manager", "local", "--port", str(port)],
            cwd=project.parent,
            env=environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, project / "serve.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(480):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/ping", timeout=1)
            return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text())


def ask(server: str, *requests: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"inputs": requests}).encode()
    request = urllib.request.Request(f"{server}/invocations", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.flow
def test_the_server_answers_an_mp4_with_music(server: str, tmp_path: Path) -> None:
    video = film(tmp_path / "film.mp4", 0.8)
    status, answer = ask(server, {"video_b64": encoded(video), "seed": 3, "options": {"lufs": -20}})
    out = tmp_path / "out.mp4"
    out.write_bytes(base64.b64decode(answer["predictions"][0]["video_b64"]))
    assert status == 200
    info = probe(out)
    assert (info.video_codec, info.audio_codec, info.duration_s) == ("h264", "aac", pytest.approx(0.8))
    assert np.abs(read_audio(out, sample_rate=16_000)).max() > 0.001
    record = json.loads(answer["predictions"][0]["record"])
    assert record["licences"]["training_data"] == {"CC0-1.0 (synthetic)": 3}
    assert record["sound"]["lufs"] == pytest.approx(-20, abs=0.5)
    assert record == read_record(out)


@pytest.mark.flow
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"video": "aGVsbG8="}, "video_b64: Field required; video: Extra inputs are not permitted"),
        ({"video_b64": "A" * 400_000, "path": "/etc/passwd"}, "path: Extra inputs are not permitted"),
        ({"video_b64": 5}, "video_b64: Input should be a valid string"),
        ({"video_b64": "aGVs\nbG8="}, "video_b64: it is not base64 (Only base64 data is allowed): send it in one line"),
        ({"video_b64": "data:video/mp4;base64,aGVsbG8="}, "video_b64: it is a data address"),
        ({"video_b64": "é"}, "video_b64: it is not base64"),
        ({"video_b64": "aGVsbG8=", "seconds": "long"}, "seconds: Input should be a valid number"),
        ({"video_b64": "aGVsbG8=", "container": "gif"}, "container (gif) must be one of mp4"),
        ({"video_b64": "aGVsbG8="}, "the video cannot be read as a video"),
        ({"video_b64": "/etc/passwd?"}, "video_b64: it is not base64"),
        ({"video_b64": "A" * 400_000}, r"the video (0.3 MB) is larger than 0.2 MB"),
    ],
)
def test_a_request_that_cannot_be_met_is_a_400_that_says_why(
    server: str, request_: dict[str, Any], message: str
) -> None:
    status, answer = ask(server, request_)
    assert status == 400
    assert message in answer["message"]
    assert len(answer["message"]) < 300
