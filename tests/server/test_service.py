"""A real server with a worker: music comes out, and nothing that happens to either loses a job."""

import io
import json
import os
import signal
import socket
import time
import wave
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from vmas_pipeline import load_model
from vmas_pipeline.command.main import main
from vmas_pipeline.media import probe, read_audio
from vmas_pipeline.production import Options, produce
from vmas_pipeline.production.record import read_record
from vmas_pipeline.server.app import create_app
from vmas_pipeline.server.config import ServerConfig

from .conftest import Served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(900)]  # the first one starts the server


def files_of(server: Served, job: dict[str, Any]) -> list[str]:
    folder = server.storage.folder(job["id"])
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


@pytest.fixture(scope="module")
def done(server: Served, short: Path) -> dict[str, Any]:
    options = {"candidates": 2, "hit_points": [0.5], "sample_rate": 44100, "channels": 2}
    return server.wait_for(server.send(short, options=json.dumps(options))["id"], "done", "failed")


def test_the_answering_process_never_imports_torch(server: Served) -> None:
    assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_a_video_comes_back_with_takes_scores_and_files(server: Served, done: dict[str, Any], tmp_path: Path) -> None:
    assert (done["state"], done["reason"], done["version"]) == ("done", None, "1")
    assert [take["number"] for take in done["takes"]] == [1, 2] and {take["seed"] for take in done["takes"]} == {0, 1}
    assert {"alignment", "contrastive", "hits"} <= done["takes"][0]["scores"].keys()
    result = server.client.get(done["links"]["result"])
    assert 'filename="short-music.mp4"' in result.headers["content-disposition"]
    out = tmp_path / "out.mp4"
    out.write_bytes(result.content)
    info = probe(out)
    assert (info.video_codec, info.audio_codec, info.duration_s) == ("h264", "aac", pytest.approx(2.0))
    record = server.client.get(done["takes"][0]["files"]["record"]).json()
    assert record == read_record(out) and record["model"]["name"] == "models:/vmas/1"
    assert record["licences"]["training_data"] == {"CC0-1.0 (synthetic)": 3}
    with wave.open(io.BytesIO(server.client.get(done["takes"][1]["files"]["music"]).content)) as music:
        assert (music.getframerate(), music.getnchannels()) == (44100, 2)


def test_the_api_gives_the_same_music_as_python(
    server: Served, registry: str, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = server.wait_for(server.send(short, seed=5, lufs="none")["id"], "done", "failed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    generator = load_model("models:/vmas@champion")
    mine = produce(short, tmp_path / "mine", generator, Options(seed=5, lufs=None))
    (tmp_path / "theirs.wav").write_bytes(server.client.get(job["takes"][0]["files"]["music"]).content)
    heard = [read_audio(path, sample_rate=16_000) for path in (tmp_path / "theirs.wav", mine.takes[0].files["music"])]
    assert abs(heard[0] - heard[1]).max() < 1e-4


def test_what_was_seen_and_heard_is_told_on_one_clock(server: Served, done: dict[str, Any]) -> None:
    seen = server.client.get(done["links"]["analysis"]).json()
    assert seen["duration_s"] == pytest.approx(2.0) and len(seen["flow"]) == pytest.approx(2 * 9.6, abs=1)
    assert max(seen["flow"]) == 1.0 and len(seen["takes"]) == 2
    assert all(0 <= onset <= 2.0 for take in seen["takes"] for onset in take["onsets_s"])


def test_a_section_is_made_anew_and_the_rest_stays(server: Served, done: dict[str, Any], tmp_path: Path) -> None:
    options = {**done["options"], "candidates": 1, "seed": 9, "redo": [[1.0, 1.5]]}
    again = server.client.post(f"/v1/jobs/{done['id']}/again", json={"options": options, "take": 2}).json()
    assert (again["parent"], again["take"]) == (done["id"], 2)
    again = server.wait_for(again["id"], "done", "failed")
    assert again["reason"] is None
    import numpy as np

    before, after = (
        np.load(server.storage.takes(job["id"]) / f"take-{number}.npz")["codes"]
        for job, number in ((done, 2), (again, 1))
    )
    kept = np.ones(before.shape[1], bool)
    kept[50:75] = False
    assert (before[:, kept] == after[:, kept]).all() and (before[:, ~kept] != after[:, ~kept]).any()


def test_events_begin_at_once_and_end_with_the_job(server: Served, short: Path) -> None:
    job, sent_s = server.send(short), time.monotonic()
    states, first_s = [], None
    with server.client.stream("GET", job["links"]["events"]) as events:
        for line in events.iter_lines():
            if line.startswith("data: ") and len(line) > 10:
                first_s = first_s or time.monotonic() - sent_s
                states.append(json.loads(line[6:])["state"])
    assert states[-1] == "done" and first_s is not None and first_s < 5


def test_a_running_job_is_cancelled_and_deleted_with_its_files(server: Served, long: Path) -> None:
    job = server.send(long, candidates=8)
    server.wait_for(job["id"], "running")
    assert server.client.post(job["links"]["cancel"]).json()["state"] == "cancelled"
    other = server.send(long, candidates=8)
    server.wait_for(other["id"], "running")  # the worker has let go of the first
    assert files_of(server, job) in (["video"], ["analysis.json", "video"])
    assert server.client.delete(other["links"]["self"]).status_code == 204
    server.client.delete(job["links"]["self"])
    server._wait(lambda: not files_of(server, other) and not files_of(server, job), 30)


def test_a_job_that_cannot_be_made_fails_with_the_reason(server: Served, short: Path) -> None:
    job = server.wait_for(server.send(short, hit_points="3.5")["id"], "failed", "done")
    assert job["reason"] == "hit_points (3.5) is not before the end of the video, 2.00 s"
    answer = server.client.get(f"/v1/jobs/{job['id']}/result")
    assert answer.status_code == 409 and "hit_points (3.5)" in answer.json()["detail"]


def test_a_cut_upload_and_a_slow_one_leave_nothing_and_stop_nobody(server: Served) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        'Content-Length: 500000\r\n\r\n--x\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
    ).encode()
    with socket.create_connection((host, int(port))) as slow, socket.create_connection((host, int(port))) as cut:
        slow.sendall(head)
        cut.sendall(head + bytes(200_000))
        incoming = server.folder / "incoming"
        server._wait(lambda: len(list(incoming.iterdir())) == 2, 20)
        assert server.client.get("/health").status_code == 200
    server._wait(lambda: not list(incoming.iterdir()), 20)


def test_headers_above_all_bounds_are_refused(server: Served) -> None:
    with suppress(httpx.ReadError, httpx.WriteError):  # the server may close before all has arrived
        answer = httpx.get(server.address, headers={"X-Large": "a" * 200_000}, trust_env=False)
        assert answer.status_code in (400, 431)
    assert server.client.get("/health").status_code == 200


def test_an_alias_that_moves_under_load_is_followed_and_no_job_fails(
    server: Served, registry: str, short: Path
) -> None:
    from mlflow import MlflowClient

    client, named = MlflowClient(registry, registry), {"model": "vmas@challenger"}
    assert {model["name"]: model["version"] for model in server.client.get("/v1/models").json()} == {
        "vmas@champion": "1",
        "vmas@challenger": "2",
    }
    first = [server.send(short), server.send(short, **named)]
    views = [server.wait_for(job["id"], "done", "failed") for job in first]
    client.set_registered_model_alias("vmas", "champion", "2")
    try:
        deadline_s, versions = time.monotonic() + 60, []
        while versions[-1:] != ["2"] and time.monotonic() < deadline_s:
            view = server.wait_for(server.send(short)["id"], "done", "failed")
            versions.append(view["version"])
            views.append(view)
    finally:
        client.set_registered_model_alias("vmas", "champion", "1")
    server._wait(lambda: "1" in [model["version"] for model in server.client.get("/v1/models").json()])  # rolled back
    assert {view["state"] for view in views} == {"done"} and versions[-1] == "2"
    music = [server.client.get(view["takes"][0]["files"]["music"]).content for view in views]
    assert music[0] != music[1] and music[-1] == music[1]


def test_two_servers_on_one_folder_share_queue_work_and_files(server: Served, short: Path) -> None:
    models = ("models:/vmas@champion", "models:/vmas@challenger")
    with TestClient(create_app(ServerConfig(folder=server.folder, models=models, workers=0))) as other:
        assert other.get("/ready").status_code == 200  # the first one's worker serves both
        job = other.post("/v1/jobs", files={"video": short.read_bytes()}).json()
        result = server.wait_for(job["id"], "done", "failed")["links"]["result"]
        assert other.get(result).content == server.client.get(result).content != b""
        server.client.delete(job["links"]["self"])
        assert other.get(job["links"]["self"]).status_code == 404


def test_metrics_count_what_ended(server: Served, done: dict[str, Any]) -> None:
    lines = server.client.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values['vmas_jobs_ended_total{model="vmas@champion",state="done"}']) >= 1
    assert float(values["vmas_workers"]) == 1 and float(values["vmas_disk_bytes"]) > 1000
    assert any(line.startswith('vmas_requests_total{method="POST",route="/v1/jobs",status="202"}') for line in lines)


def test_what_was_given_wrongly_is_one_line_and_status_2(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("VMAS_HOME", str(tmp_path))
    (tmp_path / "config.json").touch()
    port = server.address.rpartition(":")[2]
    for arguments, message in (
        ([], "no model registry: mlruns/mlflow.db is not under"),
        (["--model", "none"], "--model none is no model folder: give one that training wrote"),
        (["--model", str(tmp_path), "--port", port], "Address already in use; give another --port"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0 can be reached from other machines: set VMAS_TOKEN"),
        (["--port", "70000"], "port: Input should be less than or equal to 65535"),
        (["--max-queue", "0"], "--max-queue: 0 must be a whole number, 1 or more"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["serve", "--folder", str(tmp_path / "served"), *arguments])
        errors = capsys.readouterr().err
        assert ended.value.code == 2 and message in errors and errors.count("\n") == 1


def test_killing_the_server_and_then_the_worker_loses_no_job(server: Served, long: Path, short: Path) -> None:
    """The last one: it leaves a server whose worker has just begun to load."""
    job, waiting, worker = server.send(long, candidates=4), server.send(short), server.worker
    server.wait_for(job["id"], "running")
    server.kill()
    for _ in range(600):  # the worker notices, and puts its job back
        if not Path(f"/proc/{worker}").exists():
            break
        time.sleep(0.05)
    untouched = [(job["id"], "queued", 0), (waiting["id"], "queued", 0)]
    assert [(row.id, row.state, row.attempts) for row in server.queue.waiting()] == untouched
    server.start()
    assert server.wait_for(job["id"], "done", "failed")["state"] == "done"
    assert not [name for name in files_of(server, job) if "making" in name]
    server.wait_for(waiting["id"], "done")
    job, worker = server.send(long, candidates=4), server.worker
    server.wait_for(job["id"], "running")
    os.kill(worker, signal.SIGKILL)
    assert server.wait_for(job["id"], "queued", "done")["state"] == "queued"
    server._wait(lambda: any(name.split(":")[1] != str(worker) for name in server.queue.workers()))
