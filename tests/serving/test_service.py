"""The served model in this process: its limits, and what it leaves behind."""

import base64
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from vmas_pipeline.media import Limits, probe
from vmas_pipeline.production import warm_up
from vmas_pipeline.serving.pyfunc_model import RequestError, VideoRequest, VMAsService
from vmas_pipeline.serving.workplace import Workplace

from ..media.conftest import ramp_film
from ..tiny_model import film, tiny_generator


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VMAsService:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service = VMAsService()
    service.generator, service.megabytes, service.limits = tiny_generator(), 10.0, Limits(duration_s=600)
    service.device, service.workplace = threading.Lock(), Workplace()
    warm_up(service.generator)  # as when it is loaded: what must be compiled counts on no request's time
    return service


def request(path: Path, **options: object) -> VideoRequest:
    return VideoRequest(video_b64=base64.b64encode(path.read_bytes()).decode(), **options)  # type: ignore[arg-type]


def leftovers(service: VMAsService) -> list[str]:
    return [entry.name for entry in service.workplace.root.iterdir() if entry.name != "in-use.lock"]


def test_work_that_takes_too_long_is_ended_and_the_next_request_is_answered(
    service: VMAsService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = film(tmp_path / "long.mp4", 120.0), film(tmp_path / "short.mp4", 0.4)
    assert len(service.predict([request(short)])) == 1  # the process that reads videos runs
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "3")
    started = time.monotonic()
    with pytest.raises(RequestError, match=r"takes longer than the 1 s that a request may take: send a shorter one"):
        service.predict([request(long)])
    assert time.monotonic() - started < 30 and leftovers(service) == []
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "600")
    assert len(service.predict([request(short)])) == 1


def test_a_busy_server_says_so(service: VMAsService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "4")
    with service.device, pytest.raises(RequestError, match="the server was busy with other videos"):
        service.predict([request(film(tmp_path / "film.mp4", 0.4))])


def test_a_picture_that_an_mp4_cannot_carry_goes_into_the_container_that_the_refusal_names(
    service: VMAsService, tmp_path: Path
) -> None:
    video = ramp_film(tmp_path / "film.webm", 0.4, "-c:v", "libvpx", sound="libopus")
    with pytest.raises(RequestError, match=r"^\.mp4 cannot carry the vp8 picture of the video.*\.mkv or \.webm$"):
        service.predict([request(video)])
    out = tmp_path / "out.webm"
    out.write_bytes(base64.b64decode(service.predict([request(video, container="webm")])[0].video_b64))
    assert (probe(out).video_codec, probe(out).audio_codec) == ("vp8", "opus")
    assert leftovers(service) == []


def test_a_video_above_the_servers_limit_is_refused(service: VMAsService, tmp_path: Path) -> None:
    service.limits = Limits(duration_s=0.2)
    with pytest.raises(RequestError, match=r"^the video lasts 0 s or more: the limit is 0\.2"):
        service.predict([request(film(tmp_path / "film.mp4", 0.4))])


def test_what_a_killed_server_left_is_cleared_by_the_next_and_a_living_ones_is_kept(tmp_path: Path) -> None:
    script = (
        "import sys, tempfile, time\ntempfile.tempdir = sys.argv[1]\n"
        "from vmas_pipeline.serving.workplace import Workplace\n"
        "workplace = Workplace()\n(workplace.root / 'video').touch()\n"
        "print(workplace.root, flush=True)\ntime.sleep(600)"
    )
    servers = [
        subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    dead, living = (Path(server.stdout.readline().strip()) for server in servers if server.stdout)
    servers[0].kill()
    servers[0].wait()
    try:
        assert (dead / "video").exists()
        third = subprocess.run(
            [sys.executable, "-c", script.replace("time.sleep(600)", "sys.exit()"), tmp_path], capture_output=True
        )
        assert third.returncode == 0
        assert list(tmp_path.iterdir()) == [living] and (living / "video").exists()
    finally:
        servers[1].kill()
        servers[1].wait()
