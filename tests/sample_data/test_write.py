import json
from pathlib import Path

import numpy as np
import pytest
from mido import MidiFile
from pydantic import ValidationError

from vmas_pipeline.media import MediaError, measure, probe, read_audio, read_frames
from vmas_pipeline.sample_data.config import SampleDataConfig
from vmas_pipeline.sample_data.synthesis import synthesise
from vmas_pipeline.sample_data.write import write_sample_data

SMALL = {"videos": 3, "flawed": 1, "duration_s": 2.0, "size": 32, "frame_rate": 24.0, "backend": "inline"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample_data(SampleDataConfig(**SMALL), tmp_path_factory.mktemp("films"))


def sidecar(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.info.json").read_text())


def state(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_film_is_what_was_synthesised(films: Path) -> None:
    told = sidecar(films, "000001")
    expected = synthesise(1, told["genre"], duration_s=2, size=32)
    assert told["synthetic"]["flaw"] is None
    np.testing.assert_allclose(told["synthetic"]["events_s"], expected.events_s, atol=1e-4)
    assert told["description"] == expected.description
    assert told["synthetic"]["key"] == expected.score.key.name
    assert told["synthetic"]["metre"] == f"{expected.score.beats_per_bar}/4"
    assert told["synthetic"]["tempo"] == pytest.approx(60 / expected.score.beat_s, abs=0.01)
    assert told["synthetic"]["chords"][0] == [0.0, expected.score.chords[0].harmony.name]
    picture = read_frames(films / "000001.mp4", frame_rate=24, size=32)
    top, left = ((side - 32) // 2 for side in expected.frames.shape[1:3])
    square = expected.frames[:, top : top + 32, left : left + 32]
    assert np.abs(picture.astype(int) - square).mean() < 12
    heard = read_audio(films / "000001.mp4", sample_rate=16_000, duration_s=2)[0]
    assert np.corrcoef(heard, expected.waveform)[0, 1] > 0.95


def test_every_film_has_its_score(films: Path) -> None:
    assert {path.stem for path in films.glob("*.mid")} == {path.stem for path in films.glob("*.mp4")}
    tracks = MidiFile(films / "000001.mid").tracks
    band = {note.instrument for note in synthesise(1, "chiptune", duration_s=2, size=32).score.notes}
    assert {track.name for track in tracks[1:]} == band


def test_photographers_are_credited(films: Path) -> None:
    for name in ("000000", "000001", "000002"):
        told = sidecar(films, name)
        authors = [each.author for each in synthesise(int(name), told["genre"], duration_s=2, size=32).photographs]
        assert told["license"].startswith("CC-BY-2.0" if authors else "CC0-1.0")
        assert all(author in told["license"] for author in authors)


def test_films_have_frame_rates_of_their_own(tmp_path: Path) -> None:
    write_sample_data(SampleDataConfig(**SMALL | {"videos": 6, "flawed": 0, "frame_rate": None}), tmp_path)
    rates = {round(probe(path).fps, 2) for path in tmp_path.glob("*.mp4")}
    assert len(rates) >= 3 and 12 <= min(rates) <= max(rates) <= 30


def test_every_flaw_is_there(films: Path) -> None:
    flaws = {path.name.split("-")[1] for path in films.glob("flawed-*.mp4")}
    assert flaws == {
        "still_picture", "no_audio", "truncated", "unreadable", "vocals", "duplicate", "too_short", "silent"
    }  # fmt: skip
    assert sidecar(films, "flawed-silent-000")["synthetic"]["flaw"] == "silent"


def test_flawed_files_have_their_flaws(films: Path) -> None:
    def film(flaw: str) -> Path:
        return films / f"flawed-{flaw}-000.mp4"

    still = read_frames(film("still_picture"), frame_rate=8, size=32)
    settled = still[8:].astype(int)  # in the first second the encoder refines the picture
    assert np.abs(settled - settled[0]).mean(axis=(1, 2, 3)).max() < 1
    assert np.abs(settled[0] - still[0]).mean() < 5
    assert probe(film("no_audio")).audio_codec is None
    assert probe(film("too_short")).duration_s == pytest.approx(1.5, abs=0.05)
    assert np.abs(read_audio(film("silent"), sample_rate=16_000)).max() < 1e-3
    assert film("duplicate").read_bytes() == (films / "000000.mp4").read_bytes()
    assert measure(film("truncated")).duration_s < 0.9 * probe(film("truncated")).duration_s
    with pytest.raises(MediaError, match="cannot be read as a video"):
        probe(film("unreadable"))


def test_a_second_run_writes_only_what_is_missing(tmp_path: Path) -> None:
    config = SampleDataConfig(**SMALL | {"flawed": 0})
    write_sample_data(config, tmp_path)
    before = state(tmp_path)
    (tmp_path / "000001.info.json").unlink()  # as if killed between video and sidecar
    write_sample_data(config, tmp_path)
    after = state(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"000001.mp4", "000001.mid", "000001.info.json"}


def test_a_film_without_its_score_is_written_again(tmp_path: Path) -> None:
    config = SampleDataConfig(**SMALL | {"videos": 1, "flawed": 0})
    write_sample_data(config, tmp_path)
    (tmp_path / "000000.mid").unlink()
    write_sample_data(config, tmp_path)
    assert (tmp_path / "000000.mid").is_file()


def test_other_settings_replace_old_films_and_leave_strangers_alone(tmp_path: Path) -> None:
    config = {"videos": 2, "flawed": 0, "duration_s": 2.0, "size": 32, "backend": "inline"}
    write_sample_data(SampleDataConfig(**config), tmp_path)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    (tmp_path / "mine.info.json").write_text("{}")
    old = (tmp_path / "000000.mp4").read_bytes()
    write_sample_data(SampleDataConfig(**config | {"videos": 1, "seed": 1}), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["000000.mp4", "mine.mp4"]
    assert [path.name for path in tmp_path.glob("*.mid")] == ["000000.mid"]
    assert (tmp_path / "000000.mp4").read_bytes() != old


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="vidoes"):
        SampleDataConfig(vidoes=3)
