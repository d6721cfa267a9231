"""A film through the page, the API and the command: the same options make the same music."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.media import probe, read_audio, write_video
from vmas_pipeline.production.record import read_record

from ..media.conftest import ffmpeg
from ..production.talking import talk
from ..tiny_model import film
from .conftest import CHROMIUM, Served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(1800)]

RATE = 16_000


def dialogue(path: Path) -> Path:
    """Somebody speaks from 1 to 4 s, over a quiet room."""
    sound = 0.001 * np.random.default_rng(0).normal(size=6 * RATE).astype(np.float32)
    sound[RATE : 4 * RATE] += talk(3.0)
    frames = np.random.default_rng(1).integers(256, size=(12, 32, 48, 3), dtype=np.uint8).repeat(5, axis=0)
    write_video(path, frames, 10, sound[None], RATE)
    return path


def silent(path: Path) -> Path:
    """No sound at all."""
    ffmpeg("-i", film(path.with_suffix(".mkv"), 3.0), "-an", "-c", "copy", path)
    return path


def vertical(path: Path) -> Path:
    """As telephones store it: lying, with a note that says how to turn it."""
    ffmpeg("-display_rotation", "90", "-i", film(path.with_suffix(".mkv"), 3.0), "-c", "copy", path)
    return path


def ten_minutes(path: Path) -> Path:
    ffmpeg("-stream_loop", "19", "-i", film(path.with_suffix(".mkv"), 30.0), "-c", "copy", path)
    return path


@pytest.mark.parametrize(
    ("make", "options"),
    [(dialogue, {"original": "duck"}), (silent, {"seed": 3}), (vertical, {"candidates": 2}), (ten_minutes, {})],
)
def test_page_api_and_command_make_the_same_music(
    make: Callable[[Path], Path],
    options: dict[str, Any],
    server: Served,
    registry: str,
    browser: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    video = make(tmp_path / "film.mp4")
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    main(["generate", str(video), "--out", str(tmp_path / "command.mp4"), "--model", "models:/vmas@champion", *flags])
    (tmp_path / "api.mp4").write_bytes(_by_api(server, video, options))
    doors = ["command.mp4", "api.mp4"]
    if CHROMIUM:
        _by_page(browser, server, video, options, tmp_path / "page.mp4")
        doors.append("page.mp4")
    sounds = [read_audio(tmp_path / door, sample_rate=RATE) for door in doors]
    records = [read_record(tmp_path / door) for door in doors]
    for door, sound, record in zip(doors, sounds, records, strict=True):
        assert probe(tmp_path / door).duration_s == pytest.approx(probe(video).duration_s, abs=0.05)
        assert np.array_equal(sound, sounds[0])
        assert (record["options"], record["scores"]) == (records[0]["options"], records[0]["scores"])


def _by_api(server: Served, video: Path, options: dict[str, Any]) -> bytes:
    job = server.wait_for(server.send(video, **options)["id"], "done", "failed")
    return server.client.get(job["links"]["result"]).content


def _by_page(browser: Any, server: Served, video: Path, options: dict[str, Any], out: Path) -> None:
    page = browser.new_page(base_url=server.address)
    page.set_default_timeout(1_200_000)
    page.goto("/")
    page.set_input_files("#file", video)
    for name, value in {"candidates": 1, **options}.items():
        if page.locator(f"input[name={name}]").first.get_attribute("type") == "radio":
            page.check(f"input[name={name}][value='{value}']", force=True)
        else:
            page.fill(f"input[name={name}]", str(value))
    page.click("#make")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the video of take").first.click()
    download.value.save_as(out)
    page.close()
