"""A registry with two versions of a tiny model, and a real server with a worker on it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from vmas_pipeline.server.jobs import JobQueue
from vmas_pipeline.server.storage import Storage

from ..tiny_model import film

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
TOKENLESS = {k: v for k, v in os.environ.items() if k not in ("VMAS_TOKEN", "MLFLOW_TRACKING_URI")}


class Served:
    """`vmas serve` on a folder, in a process of its own."""

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self.folder, self.options, self.variables = folder, options, variables
        self.storage = Storage(folder)
        self.queue = JobQueue(self.storage.queue)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "vmas_pipeline.command", "serve", "--port", "0", "--folder", str(self.folder)]
        self.log = self.folder / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *self.options], env=TOKENLESS | self.variables, stdout=log, stderr=log
            )
        self.address = self._wait(lambda: re.search(r"page (http://\S+)/ ", self.log.read_text()))[1]
        self.client = httpx.Client(base_url=self.address, timeout=60, trust_env=False)

    def _wait(self, seen: Any, most_s: float = 600) -> Any:
        for _ in range(int(most_s / 0.05)):
            assert self.process.poll() is None, self.log.read_text()
            if found := seen():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited for {most_s} s; the log:\n{self.log.read_text()}")

    def wait_for_health(self) -> None:
        self._wait(lambda: self.client.get("/health").status_code == 200)

    def wait_until_ready(self) -> None:
        self._wait(lambda: self.client.get("/ready").status_code == 200)

    def send(self, video: Path, **fields: object) -> dict[str, Any]:
        """Bring a video, which must be taken."""
        with video.open("rb") as file:
            answer = self.client.post("/v1/jobs", files={"video": file}, data={k: str(v) for k, v in fields.items()})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def wait_for(self, job_id: str, *states: str) -> dict[str, Any]:
        """The job once it is in one of the states."""

        def seen() -> dict[str, Any] | None:
            view = self.client.get(f"/v1/jobs/{job_id}").json()
            return view if view["state"] in states else None

        return self._wait(seen)

    @property
    def worker(self) -> int:
        """The process id of its only worker that holds models."""
        return int(
            self._wait(lambda: [name for name, models in self.queue.workers().items() if models])[0].split(":")[1]
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tracking address of a registry: version 1 of vmas is the champion, version 2 the challenger."""
    from mlflow import MlflowClient

    from ..tiny_model import tiny_generator

    root = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{root}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        client = MlflowClient()
        experiment = client.create_experiment("vmas", artifact_location=str(root / "artifacts"))
        client.create_registered_model("vmas")
        for number, alias in enumerate(("champion", "challenger"), 1):
            logged = client.create_logged_model(experiment, name="vmas")
            place = Path(logged.artifact_location.removeprefix("file://"))
            tiny_generator(number, curves=("peaks",)).save(place / "artifacts" / "vmas")
            (place / "artifacts" / "licences.json").write_text(json.dumps({"CC0-1.0 (synthetic)": 3}))
            flavour = {"artifacts": {"vmas": {"path": "artifacts/vmas", "uri": "vmas"}}, "loader_module": "none"}
            (place / "MLmodel").write_text(yaml.safe_dump({"flavors": {"python_function": flavour}}))
            client.finalize_logged_model(logged.model_id, "READY")
            client.create_model_version("vmas", f"models:/{logged.model_id}", model_id=logged.model_id)
            client.set_registered_model_alias("vmas", alias, str(number))
    return uri


@pytest.fixture(scope="session")
def server(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests that need music; what one test does to it, it mends."""
    models = ("--model", "models:/vmas@champion", "--model", "models:/vmas@challenger")
    served = Served(tmp_path_factory.mktemp("served"), *models, MLFLOW_TRACKING_URI=registry)
    try:
        served.wait_until_ready()
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "short.mp4", 2.0)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes some seconds, in which something can happen to it."""
    return film(tmp_path_factory.mktemp("films") / "long.mp4", 25.0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; None where it is not installed."""
    if CHROMIUM is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()
