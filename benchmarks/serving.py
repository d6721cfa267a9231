"""`vmas serve` under load: N clients that send videos and follow their jobs for S seconds.

    python benchmarks/serving.py                           # 8 clients for 300 s on models:/vmas@champion
    python benchmarks/serving.py --clients 2 --seconds 60 --model data/04_models/vmas --video clip.mp4

Prints start-up, readiness, the first event after an upload, health at every 0.2 s, seconds of music a second of the
wall's clock, refusals (429) and errors (all others), the growth of the memory of server and worker after the first
tenth, and the page's first paint where chromium is installed. There is no peer: `why` says what the bound is. Each line
printed is a JSON object.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
from timing import add_device, print_line

from vmas_pipeline.media import write_video

VIDEO_S, RATE = 5.0, 24.0


class Load:
    """What the clients saw."""

    def __init__(self, address: str, video: Path, end_s: float) -> None:
        self.address, self.video, self.end_s = address, video, end_s
        self.statuses: Counter[int] = Counter()
        self.states: Counter[str] = Counter()
        self.first_event_s: list[float] = []
        self.health_s: list[float] = []
        self.errors: list[str] = []

    def client(self) -> None:
        """Send, follow, fetch, delete; again until the time is up."""
        with httpx.Client(base_url=self.address, timeout=120, trust_env=False) as client:
            while time.monotonic() < self.end_s:
                try:
                    self._one(client)
                except httpx.HTTPError as error:
                    self.errors.append(repr(error))

    def _one(self, client: httpx.Client) -> None:
        with self.video.open("rb") as file:
            answer = client.post("/v1/jobs", files={"video": file})
        self.statuses[answer.status_code] += 1
        if answer.status_code != 202:
            time.sleep(min(2.0, float(answer.headers.get("Retry-After", 1))))
            return
        links, sent_s, state = answer.json()["links"], time.monotonic(), ""
        with client.stream("GET", links["events"]) as events:
            for line in events.iter_lines():
                if line.startswith("data: {"):
                    if not state:
                        self.first_event_s.append(time.monotonic() - sent_s)
                    state = json.loads(line[6:]).get("state", "gone")
        self.states[state] += 1
        self.statuses[client.get(links["self"] + "/result").status_code] += 1
        client.delete(links["self"])

    def watch(self) -> None:
        """Ask for the health again and again."""
        with httpx.Client(base_url=self.address, timeout=30, trust_env=False) as client:
            while time.monotonic() < self.end_s:
                began_s = time.monotonic()
                self.statuses[client.get("/health").status_code] += 1
                self.health_s.append(time.monotonic() - began_s)
                time.sleep(0.2)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder, began_s = Path(name), time.monotonic()
        server = _start(folder / "served", options)
        try:
            assert server.stdout is not None
            told = re.search(r"page (\S+)/ ", server.stdout.readline())
            assert told, "the server did not start: see above"
            _line("serve_startup", time.monotonic() - began_s, "s", "6 s at most")
            _wait(f"{told[1]}/ready")
            _line("serve_ready", time.monotonic() - began_s, "s", "with the model loaded; no bound")
            _paint(told[1])
            _load(told[1], options.video or _film(folder / "film.mp4"), server.pid, options)
        finally:
            server.terminate()
            server.wait()


def _load(address: str, video: Path, pid: int, options: argparse.Namespace) -> None:
    load = Load(address, video, time.monotonic() + options.seconds)
    threads = [threading.Thread(target=load.client) for _ in range(options.clients)]
    for thread in (*threads, threading.Thread(target=load.watch)):
        thread.start()
    time.sleep(options.seconds / 10)
    before = _memory_mb(pid)
    for thread in threads:
        thread.join()
    growth = {name: after - before.get(name, after) for name, after in _memory_mb(pid).items()}
    refused = load.statuses.pop(429, 0)
    failed = sum(count for status, count in load.statuses.items() if status >= 400) + len(load.errors)
    failed += sum(count for state, count in load.states.items() if state != "done")
    _line("serve_jobs", load.states["done"], "jobs", f"{options.clients} clients, {options.seconds:g} s")
    _line("serve_refused", refused, "answers 429", "no bound: the queue is bounded")
    _line("serve_errors", failed, "answers", f"none may be; {load.errors[:3]}")
    _line("serve_first_event", float(np.percentile(load.first_event_s or [0.0], 95)), "s, p95", "1 s at most")
    _line("serve_health", 1000 * float(np.percentile(load.health_s, 95)), "ms, p95", "100 ms at most")
    for name, megabytes in growth.items():
        _line(f"serve_memory_{name}", megabytes, "MB of growth", "50 MB at most")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="models:/vmas@champion", help="address or folder (default: %(default)s)")
    parser.add_argument("--video", type=Path, help="what is sent; a film of 5 s is made when left out")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--workers", type=int, default=1)
    add_device(parser, "cpu only: a server takes the GPU where there is one")
    return parser.parse_args()


def _start(folder: Path, options: argparse.Namespace) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vmas_pipeline.command", "serve", "--port", "0", "--folder", str(folder)]
    command += ["--model", options.model, "--workers", str(options.workers), "--per-client", str(options.clients)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def _wait(address: str) -> None:
    while True:
        with suppress(httpx.HTTPError):
            if httpx.get(address, timeout=10, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)


def _memory_mb(pid: int) -> dict[str, float]:
    """Resident memory of the server and its worker."""
    found = {"server": psutil.Process(pid).memory_info().rss / 1e6}
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if "vmas_pipeline.server.worker" in child.cmdline():
                found["worker"] = child.memory_info().rss / 1e6
    return found


def _paint(address: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        browser.close()
    _line("serve_first_paint", ms / 1000, "s", "1 s at most")


def _film(path: Path) -> Path:
    """A square that jumps, with grain that no encoder makes small."""
    draw = np.random.default_rng(0)
    frames = draw.integers(0, 48, (round(VIDEO_S * RATE), 240, 320, 3), dtype=np.uint8)
    for index, frame in enumerate(frames):
        left = 40 * (index // 12 % 6)
        frame[90:150, left : left + 60] = 220
    write_video(path, frames, RATE, None, 0)
    return path


def _line(name: str, ours: float, unit: str, why: str) -> None:
    print_line(name, ours=ours, peer=None, unit=unit, device="cpu", why=why)


if __name__ == "__main__":
    main()
