"""The API without workers: what is taken, what is refused and why, and that nothing is left of what was refused."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from vmas_pipeline.server import jobs
from vmas_pipeline.server.app import PAGE, create_app
from vmas_pipeline.server.config import ServerConfig
from vmas_pipeline.server.jobs import JobQueue
from vmas_pipeline.server.storage import Storage

from ..media.conftest import ramp_film
from ..tiny_model import film

TOKEN = "0123456789abcdef"

PART = b"--x\r\nContent-Disposition: form-data; name="
"""The beginning of a form's part, for bodies that no library would send."""

QUICK = settings(max_examples=4, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])

MODEL = {"version": "1", "data_licences": [], "window_s": 5.0, "sample_rate": 16_000}

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film(tmp_path_factory.mktemp("films") / "film.mp4", 0.8).read_bytes()


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    return ServerConfig(folder=tmp_path / "served", models=("models:/vmas@champion", "models:/vmas/2"), workers=0)


@pytest.fixture
def client(config: ServerConfig) -> Iterator[TestClient]:
    with TestClient(create_app(config), raise_server_exceptions=False) as client:
        yield client


def serving(config: ServerConfig, **changes: Any) -> TestClient:
    return TestClient(create_app(replace(config, **changes)), raise_server_exceptions=False)


def send(client: TestClient, video: bytes, name: str = "film.mp4", **fields: str) -> Any:
    return client.post("/v1/jobs", files={"video": (name, video)}, data=fields)


def left(config: ServerConfig) -> list[str]:
    return [str(path) for path in config.folder.rglob("*") if path.is_file() and "queue.sqlite" not in path.name]


def assert_problem(answer: Any, status: int, reason: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["type"].startswith("urn:vmas:") and reason in body["detail"]
    assert len(body["detail"]) < 400


def test_a_video_becomes_a_job_that_can_be_seen_cancelled_and_deleted(
    client: TestClient, config: ServerConfig, video: bytes
) -> None:
    answer = send(client, video, seed="7", hit_points="0.2,0.5", original="keep")
    job = answer.json()
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["options"] == {"seed": 7, "hit_points": [0.2, 0.5], "original": "keep"}
    assert (job["state"], job["position"], job["model"]) == ("queued", 0, "vmas@champion")
    assert job["duration_s"] == pytest.approx(0.8)
    second = send(client, video, options=json.dumps({"seed": 8}), model="vmas/2").json()
    assert (second["position"], second["model"]) == (1, "vmas/2")
    assert_problem(client.get(job["links"]["self"] + "/result"), 409, "is queued, so there is no result yet")
    assert client.post(job["links"]["cancel"]).json()["state"] == "cancelled"
    assert_problem(client.post(job["links"]["cancel"]), 409, "is cancelled already")
    assert client.get(second["links"]["self"]).json()["position"] == 0
    for each in (job, second):
        assert client.delete(each["links"]["self"]).status_code == 204
        assert_problem(client.get(each["links"]["self"]), 404, "there is no such job")
    assert left(config) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"seed": "-1"}, "-1 must be a whole number, 0 or more"),
        ({"candidates": "17"}, "17 must be a whole number, 1 to 16"),
        ({"options": "{"}, "options is not JSON"),
        ({"options": "[1]"}, "options must be a JSON object"),
        ({"options": "[" * 20_000}, "options is not JSON"),
        ({"options": '{"sed": 1}'}, "sed is no option: choose of seed"),
        ({"options": '{"seed": 1}', "seed": "2"}, "'seed': given in options and as a field"),
        ({"end_s": "1", "start_s": "2"}, "end_s (1) must be after start_s (2)"),
        ({"model": "/etc/passwd"}, "model '/etc/passwd' is not served here: choose of vmas@champion, vmas/2"),
        ({"model": "models:/vmas@champion"}, "is not served here"),
        ({"path": "/etc/passwd"}, "path is no option"),
    ],
)
def test_options_that_cannot_be_are_refused(
    client: TestClient, config: ServerConfig, video: bytes, fields: dict[str, str], reason: str
) -> None:
    assert_problem(send(client, video, **fields), 422, reason)
    assert left(config) == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"{}", "application/json", 415, "send multipart/form-data"),
        (b"", "multipart/form-data", 400, "boundary"),
        (b"nonsense", "multipart/form-data; boundary=x", 400, "not multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\nAA',
            "m",
            400,
            "ends before its last",
        ),
        (PART + b'"seed"\r\n\r\n1\r\n--x--\r\n', "m", 422, "no field video"),
        (
            PART + b'"video"\r\n\r\n/etc/passwd\r\n--x--\r\n',
            "m",
            422,
            "must be a file",
        ),
        (
            PART + b'"a"\r\n\r\n' + b"A" * 70_000,
            "m",
            413,
            "beside video are larger",
        ),
    ],
)
def test_what_is_no_form_with_a_video_is_refused(
    client: TestClient, config: ServerConfig, body: bytes, kind: str, status: int, reason: str
) -> None:
    kind = "multipart/form-data; boundary=x" if kind == "m" else kind
    assert_problem(client.post("/v1/jobs", content=body, headers={"Content-Type": kind}), status, reason)
    assert left(config) == []


def test_what_is_no_video_is_refused_with_the_reason(client: TestClient, config: ServerConfig, tmp_path: Path) -> None:
    zip_bomb = b"PK\x03\x04" + bytes(100_000)
    for content in (b"", b"no film", zip_bomb, b"#EXTM3U\nfile:///etc/passwd\n"):
        assert_problem(send(client, content), 415, "the video")
    webm = ramp_film(tmp_path / "film.webm", 0.4, "-c:v", "libvpx", sound="libopus").read_bytes()
    assert_problem(send(client, webm), 422, "cannot carry the vp8 picture of the video")
    assert str(config.folder) not in send(client, webm).text
    assert send(client, webm, container="webm").status_code == 202
    assert len(left(config)) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a/b/\x00../x.mp4", "x.mp4"),
        ("<script>alert(1)</script>.mp4", "script>.mp4"),
        ("n" * 1000 + ".mp4", "n" * 120),
        ("..", ".."),
        ("", "video"),
    ],
)
def test_a_name_is_shown_and_never_a_path(
    client: TestClient, config: ServerConfig, video: bytes, name: str, shown: str
) -> None:
    answer = send(client, video, name=name)
    if answer.status_code == 422:  # the form's library sends an empty name as no file
        assert name == ""
        return
    assert answer.json()["name"] == shown
    assert left(config) == [str(Storage(config.folder).video(answer.json()["id"]))]


@pytest.mark.parametrize(
    "path", ["../../queue.sqlite", "..%2f..%2fqueue.sqlite", f"{'a' * 22}/takes/1.npz/../../video"]
)
def test_paths_lead_nowhere_else(client: TestClient, path: str) -> None:
    for prefix in ("/v1/jobs/", "/page/"):
        assert client.get(prefix + path).status_code in (404, 422)
    assert client.get("/page/../app.py").status_code == 404 and client.get("/page/%2e%2e/app.py").status_code == 404


def test_a_file_above_the_limit_is_refused_before_it_is_read_and_while_it_arrives(
    config: ServerConfig, video: bytes
) -> None:
    with serving(config, megabytes=0.003) as client:
        assert_problem(send(client, bytes(2_000_000)), 413, "larger than 0.003 MB")

        def chunks() -> Iterator[bytes]:  # without a length
            yield PART + b'"video"; filename="a"\r\n\r\n'
            yield bytes(9000)

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert_problem(client.post("/v1/jobs", content=chunks(), headers=kind), 413, "larger than 0.003 MB")
    with serving(config, seconds=0.5) as client:
        assert_problem(send(client, video), 413, "the limit is 0.5")
    assert left(config) == []


def test_a_full_queue_and_a_busy_client_are_told_when_to_come_again(config: ServerConfig, video: bytes) -> None:
    with serving(config, queue=1) as client:
        job = send(client, video).json()
        full = send(client, video)
        assert_problem(full, 429, "the queue is full (1 of 1 jobs)")
        assert int(full.headers["retry-after"]) >= 1
        assert_problem(client.post(job["links"]["self"] + "/again", json={}), 429, "the queue is full")
    with serving(config, per_client=1) as client:
        busy = send(client, video)
        assert_problem(busy, 429, "1 of your jobs wait or run already")
        client.delete(job["links"]["self"])
        assert send(client, video).status_code == 202


def test_a_full_disk_is_told(config: ServerConfig, video: bytes) -> None:
    with serving(config, disk_gigabytes=1e-6) as client:
        assert_problem(send(client, video), 507, "the server has room for 0 MB only")
    assert left(config) == []


def test_a_job_again_has_the_same_video_and_its_own_options(
    client: TestClient, config: ServerConfig, video: bytes
) -> None:
    job = send(client, video, seed="7").json()
    again = client.post(job["links"]["self"] + "/again", json={"options": {"hit_points": [0.3]}}).json()
    assert again["parent"] == job["id"] and again["options"] == {"hit_points": [0.3]}
    client.delete(job["links"]["self"])
    assert client.get(again["links"]["video"]).content == video
    assert_problem(client.post(again["links"]["self"] + "/again", json={"take": 1}), 409, "there is no result yet")
    assert_problem(client.post(again["links"]["self"] + "/again", json={"options": {"sed": 1}}), 422, "sed")


def test_videos_are_served_in_parts(client: TestClient, video: bytes) -> None:
    job = send(client, video).json()
    part = client.get(job["links"]["video"], headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == video[10:20]


def test_with_a_token_nothing_of_jobs_is_told_without_it(config: ServerConfig, video: bytes) -> None:
    with serving(config, token=TOKEN, host="0.0.0.0") as client:
        assert client.get("/").status_code == 200 and client.get("/ready").status_code == 503
        for answer in (send(client, video), client.get("/v1/models"), client.get("/metrics")):
            assert_problem(answer, 401, "Authorization: Bearer TOKEN")
            assert answer.headers["www-authenticate"] == "Bearer"
        client.headers["Authorization"] = f"Bearer {TOKEN}x"
        assert_problem(send(client, video), 401, "token")
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert send(client, video).status_code == 202
    assert len(left(config)) == 1


def test_the_page_takes_the_token_for_a_cookie(config: ServerConfig) -> None:
    with serving(config, token=TOKEN) as client:
        assert client.get("/v1/session").json() == {"open": False}
        assert_problem(client.post("/v1/session", json={"token": "guess"}), 401, "not the server's token")
        answer = client.post("/v1/session", json={"token": TOKEN})
        cookie = answer.headers["set-cookie"].lower()
        assert (
            answer.status_code == 204 and "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
        )
        assert client.get("/v1/session").json() == {"open": True} and client.get("/v1/models").status_code == 200


def test_other_sites_can_use_neither_the_browser_nor_a_name_that_leads_here(client: TestClient, video: bytes) -> None:
    client.headers["Origin"] = "https://elsewhere.example"
    assert_problem(send(client, video), 403, "may send nothing here")
    del client.headers["Origin"]
    assert_problem(client.get("/v1/models", headers={"Host": "elsewhere.example"}), 403, "names of this machine only")


def test_pages_may_load_nothing_from_elsewhere_and_uploads_run_nothing(client: TestClient, video: bytes) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
    served = client.get(send(client, video).json()["links"]["video"])
    assert "sandbox" in served.headers["content-security-policy"]
    assert served.headers["x-content-type-options"] == "nosniff"
    for file in PAGE.glob("*.*"):
        named = re.findall(r"""["'(]((?:https?:)?//[^"')]+)""", file.read_text())
        assert set(named) <= {"http://www.w3.org/2000/svg", "https://opensource.org/license/mit"}, file


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0 can be reached from other machines: set VMAS_TOKEN"),
        ({"token": "short"}, "shorter than 16 characters"),
        ({"models": ("a/vmas", "b/vmas")}, "each must be another model"),
    ],
)
def test_a_server_that_would_not_be_safe_does_not_start(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServerConfig(folder=tmp_path, **fields)


def test_old_jobs_and_files_of_none_are_removed(config: ServerConfig, video: bytes, tmp_path: Path) -> None:
    import os

    from vmas_pipeline.server.supervisor import Supervisor

    with serving(config, per_client=9) as client:
        old, waiting = (send(client, video).json() for _ in range(2))
        client.post(old["links"]["cancel"])
    storage, queue = Storage(config.folder), JobQueue(Storage(config.folder).queue)
    (storage.folder("orphan")).mkdir()
    (config.folder / "incoming" / "cut").mkdir()
    (config.folder / "incoming" / "cut" / "video").touch()
    for path in (storage.folder("orphan"), *(config.folder / "incoming").rglob("*")):
        os.utime(path, (0, 0))
    Supervisor(replace(config, keep_hours=1e-9), queue, storage).tidy()
    assert left(config) == [str(storage.video(waiting["id"]))]
    assert queue.get(old["id"]) is None and not storage.folder("orphan").exists()


def test_a_thousand_streams_are_bounded(config: ServerConfig, video: bytes) -> None:
    with serving(config, streams=2) as client:
        job = send(client, video).json()
        desk = client.app.state.desk  # type: ignore[attr-defined]
        with desk.watch.listener(), desk.watch.listener():
            assert_problem(client.get(job["links"]["events"]), 429, "2 event streams are open")
        threading.Timer(0.5, lambda: client.post(job["links"]["cancel"])).start()
        events = client.get(job["links"]["events"]).text
        assert [json.loads(line[6:])["state"] for line in events.splitlines() if line.startswith("data: ")] == [
            "queued",
            "cancelled",
        ]


def test_the_api_answers_as_it_is_described(config: ServerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE_S", 1e6)  # the worker that is told of below is not heard of again
    app = create_app(replace(config, per_client=10**6, queue=10**6))
    app.state.desk.queue.hello("w", [{"name": name} | MODEL for name in ("vmas@champion", "vmas/2")])
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = set()
    for operation in schema.get_all_operations():
        QUICK(given(case=operation.ok().as_strategy())(answers_as_described))()
        tried.add(operation.ok().path)
    assert len(tried) == 14


def answers_as_described(case: Any) -> None:
    case.call_and_validate(checks=CHECKS)
