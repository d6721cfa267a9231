"""Another system's music, exported for and scored beside ours, in a project that the flow has gone through."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from vmas_pipeline.command.main import main
from vmas_pipeline.features.shards import read_index
from vmas_pipeline.media import probe


@pytest.fixture(scope="module")
def project(world, tmp_path_factory):
    """The small world's folders where the flow would have put them."""
    data = tmp_path_factory.mktemp("project") / "data"
    places = {"03_features": world.features, "04_models/vmas": world.model, "05_generated/codec": world.reconstructed}
    for place, folder in places.items():
        shutil.copytree(folder, data / place)
    (data / "02_curated").mkdir()
    world.manifest.to_parquet(data / "02_curated" / "manifest.parquet")
    return data


@pytest.fixture(scope="module")
def clips(world):
    return list(read_index(world.features / "test")["clip_id"])


def tone(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    waveform = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return waveform if channels == 1 else np.stack([waveform] * channels, axis=1)


def test_every_mismatch_is_listed_and_the_rest_is_measured(project, clips, tmp_path, capsys):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in clips[:3]:
        soundfile.write(theirs / f"{name}.wav", tone(5), 16_000)
    soundfile.write(theirs / f"{clips[3]}.flac", tone(3.2), 16_000)
    soundfile.write(theirs / f"{clips[4]}.wav", tone(7, 32_000, channels=2), 32_000)
    (theirs / f"{clips[5]}.wav").write_bytes(b"no sound")
    soundfile.write(theirs / "demo.wav", tone(1), 16_000)
    main(["score", str(theirs), "--data", str(project)])
    said = capsys.readouterr().out
    assert "theirs: 5 of 6 clips" in said
    assert "extra, not used: 1 (demo.wav)" in said
    assert f"unreadable, left out: 1 ({clips[5]}.wav)" in said
    assert f"{clips[3]}.flac: 3.20 s of 5, padded with silence; {clips[4]}.wav: 7.00 s of 5, cut" in said
    assert f"{clips[4]}.wav: 32000 Hz, not 16000" in said and f"{clips[4]}.wav: 2 channels" in said
    metrics = json.loads((project / "06_evaluation" / "theirs" / "metrics.json").read_text())
    assert (metrics["system"], metrics["clips"]) == ("theirs", 5)
    assert f"{metrics['fad']:9.2f}" in said and "MV Align" in said
    table = pd.read_parquet(project / "06_evaluation" / "theirs" / "clips.parquet")
    assert set(table["clip_id"]) == set(clips[:5])
    assert (project / "07_reports" / "theirs" / "report.html").is_file()


def test_music_for_one_film_is_too_little(project, clips, tmp_path, capsys):
    soundfile.write(tmp_path / f"{clips[0]}.wav", tone(5), 16_000)
    with pytest.raises(SystemExit) as ended:
        main(["score", str(tmp_path), "--name", "one", "--data", str(project)])
    assert ended.value.code == 2
    assert "has music for 1 of the 6 clips, of 1 films: two films or more are needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "absent is not a folder"),
        (["{here}", "--name", "vmas"], "--name vmas cannot name a system"),
        (["{here}", "--name", "../up"], "--name ../up cannot name a system"),
        (["{here}", "--name", "new", "--data", "{here}"], "manifest.parquet: run `kedro run` first"),
        (["{here}", "--name", "new"], "holds no .wav or .flac file to read"),
    ],
)
def test_what_cannot_be_scored_is_one_line(arguments, message, project, tmp_path, capsys):
    arguments = [each.replace("{here}", str(tmp_path)) for each in arguments]
    with pytest.raises(SystemExit) as ended:
        main(["score", "--data", str(project), *arguments])
    errors = capsys.readouterr().err
    assert ended.value.code == 2 and errors.count("\n") == 1 and message in errors


def test_the_clips_are_exported_without_sound(project, clips, tmp_path):
    main(["export", str(tmp_path / "clips"), "--data", str(project)])
    films = sorted((tmp_path / "clips").iterdir())
    assert [film.stem for film in films] == sorted(clips)
    for film in films:
        info = probe(film)
        assert info.audio_codec is None and info.duration_s == pytest.approx(5.0, abs=0.1)
        assert (info.width, info.height) == (48, 48)
    before = [film.stat().st_mtime_ns for film in films]
    main(["export", str(tmp_path / "clips"), "--data", str(project)])
    assert [film.stat().st_mtime_ns for film in films] == before
