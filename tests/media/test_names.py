"""Names are bytes, and any that Linux allows will do."""

import os
import shutil
from pathlib import Path

import pytest

from vmas_pipeline.media import measure, printable, probe, read_audio, read_frames, replace_audio, whole_file
from vmas_pipeline.media.files import local, portable

from .conftest import ramp_film

NAMES = [
    b"12:30.mp4",
    b"-dash.mp4",
    b"new\nline.mp4",
    b"latin1_caf\xe9.mp4",
    "長".encode() * 83 + b".mp4",
    b"http:%2F%2Fexample.org.mp4",
    b"file:name.mp4",
    b"pipe:0",
    b"%03d 'q\"u* ?[x].mp4",
    b"concat:a|b.mp4",
    b"noending",
    b"\xff\xfe.mp4",
]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ramp_film(tmp_path_factory.mktemp("names") / "film.mp4", 0.4, "-c:v", "libx264")


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_any_name_is_read_and_written(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(os.fsdecode(name))
    shutil.copy(film, os.path.join(".", path))  # noqa: PTH118 - a dash first
    assert probe(path) == probe(film) and measure(path).duration_s == measure(film).duration_s
    assert (
        read_frames(path, frame_rate=5, size=16, frames=2) == read_frames(film, frame_rate=5, size=16, frames=2)
    ).all()
    music = read_audio(path, sample_rate=16_000)
    out = path if path.suffix else Path(os.fsdecode(name + b".mkv"))
    (tmp_path / "out").mkdir()
    replace_audio(path, music, 16_000, tmp_path / "out" / out)
    assert measure(tmp_path / "out" / out).video_codec == "h264"
    assert [os.fsencode(entry.name) for entry in (tmp_path / "out").iterdir()] == [os.fsencode(out)]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_any_name_goes_through_a_table_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(os.fsdecode(name))
    text = portable(path)
    text.encode("utf-8")
    assert local(text) == path
    outside = Path("/elsewhere") / path
    assert local(portable(outside)) == outside


def test_messages_can_be_printed() -> None:
    assert printable(os.fsdecode(b"caf\xe9\n\x1b[31m")) == "caf\\xe9\\n\\x1b[31m"
    assert printable(Path("é 長.mp4")) == "é 長.mp4"


def test_a_file_with_the_longest_name_is_written_atomically(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    with whole_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole" and len(list(tmp_path.iterdir())) == 1
