import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.media import probe, read_audio

from ..media.conftest import ffmpeg, ramp_film
from ..tiny_model import film, tiny_generator


def vmas(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"} | variables
    command = [sys.executable, "-m", "vmas_pipeline.command", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "film.mp4", 0.8)


def test_help_answers_within_a_second_and_shows_examples(tmp_path: Path) -> None:
    before = os.times().children_user  # CPU seconds: wall time would depend on what else runs
    help_text = vmas("--help", cwd=tmp_path).stdout
    assert os.times().children_user - before < 1.0
    assert "vmas generate holiday.mov --out holiday.mp4" in help_text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.mp4", "--out", "out.mp4"], "absent.mp4 is not a file"),
        (["{video}", "--out", "absent/out.mp4"], "the folder absent does not exist"),
        (
            ["{video}", "--out", "out.ogg"],
            "output (out.ogg) must end in one of .mp4, .m4v, .mov, .mkv, .webm, .wav, .flac",
        ),
        (["{video}", "--out", "{video}"], "is the input itself"),
        (["{video}"], "the following arguments are required: --out"),
        (["{video}", "--out", "out.mp4", "--seconds", "-1"], "--seconds: -1 must be more than 0"),
        (["{video}", "--out", "out.mp4", "--seconds", "nan"], "--seconds: nan must be more than 0"),
        (["{video}", "--out", "out.mp4", "--seed", "1.5"], "--seed: 1.5 must be a whole number, 0 or more"),
        (["{video}", "--out", "out.mp4", "--top-k", "0"], "--top-k: 0 must be a whole number, 1 or more"),
        (["{video}", "--out", "out.mp4", "--temperature", "0"], "--temperature: 0 must be more than 0"),
        (["{video}", "--out", "out.mp4", "--guidance", "-2"], "--guidance: -2 must be 0 or more"),
        (["{video}", "--out", "out.mp4", "--model", "absent"], "absent is not a folder"),
        (["{video}", "--out", "out.mp4", "--model", "models:vmas"], "models:vmas is no address of a model"),
        (["{text}", "--out", "out.mp4"], "text.mp4 cannot be read as a video"),
        (["{sound}", "--out", "out.mp4"], "sound.m4a has no moving picture"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_status_2(
    arguments: list[str],
    message: str,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no film")
    sound = _sound_only(tmp_path / "sound.m4a")
    places = {"{video}": str(video), "{text}": "text.mp4", "{sound}": str(sound)}
    with pytest.raises(SystemExit) as ended:
        main(["generate", *(places.get(argument, argument) for argument in arguments)])
    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()


def test_no_registry_yet_says_what_to_run(video: Path, tmp_path: Path) -> None:
    result = vmas("generate", video, "--out", "out.mp4", cwd=tmp_path, VMAS_HOME=str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "run `make demo` or `kedro run`" in result.stderr


def test_generate_puts_music_under_the_copied_picture(video: Path, tmp_path: Path) -> None:
    tiny_generator().save(tmp_path / "model")
    result = vmas(
        "generate", video, "--out", "out.mp4", "--model", "model", "--seed", "5", "--top-k", "9", cwd=tmp_path
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "out.mp4: 0.80 s, picture h264 48x32 copied" in result.stdout
    out = tmp_path / "out.mp4"
    assert probe(out).duration_s == pytest.approx(probe(video).duration_s)
    assert _packets(out) == _packets(video)
    assert np.abs(read_audio(out, sample_rate=16_000)).max() > 0.001
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "out.mp4"]


def test_the_version_is_told(tmp_path: Path) -> None:
    from vmas_pipeline import __version__

    assert vmas("--version", cwd=tmp_path).stdout == f"vmas-pipeline {__version__}\n"


@pytest.mark.parametrize("name", ["日本.mp4", os.fsdecode(b"caf\xe9.mp4"), "12:30.mp4", "new\nline.mp4"])
def test_names_that_the_terminal_cannot_show_are_no_obstacle(
    video: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict"))
    tiny_generator().save(tmp_path / "model")
    (tmp_path / name).write_bytes(video.read_bytes())
    main(["generate", name, "--out", f"out-{name}", "--model", "model"])
    assert (tmp_path / f"out-{name}").is_file()


def test_a_file_system_of_ascii_names_is_no_obstacle(video: Path, tmp_path: Path) -> None:
    tiny_generator().save(tmp_path / "model")
    (tmp_path / "日本.mp4").write_bytes(video.read_bytes())
    arguments = ["generate", "日本.mp4", "--out", "out-日本.mp4", "--model", "model"]
    done = vmas(*arguments, cwd=tmp_path, PYTHONIOENCODING="ascii:strict", LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out-日本.mp4").is_file()


def test_an_output_that_will_not_do_is_refused_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ramp_film(tmp_path / "film.webm", 0.4, "-c:v", "libvpx", sound="libopus")
    with pytest.raises(SystemExit, match="2"):
        main(["generate", "film.webm", "--out", "out.mp4"])
    assert capsys.readouterr() == (
        "",
        "vmas: .mp4 cannot carry the vp8 picture of film.webm as it is: write to .mkv or .webm\n",
    )
    with pytest.raises(SystemExit, match="2"):
        main(["generate", "film.webm", "--out", "out.webm", "--max-duration", "0.2"])
    said = capsys.readouterr()
    assert said.out == "" and "the limit is 0.2 (duration_s)" in said.err


def test_what_cannot_go_along_is_told_in_one_line(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_generator().save(tmp_path / "model")
    (tmp_path / "font.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    attach = ["-attach", tmp_path / "font.ttf", "-metadata:s:2", "mimetype=font/ttf"]
    ffmpeg("-i", video, *attach, "-c", "copy", tmp_path / "film.mkv")
    main(["generate", "film.mkv", "--out", "out.mp4", "--model", "model"])
    assert (
        capsys.readouterr().out.splitlines()[-1] == "left behind, since .mp4 has no place for it: attachment font.ttf"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    tiny_generator().save(tmp_path / "model")
    film(tmp_path / "long.mp4", 90.0)
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-m", "vmas_pipeline.command", "generate", "long.mp4", "--out", "out/out.mkv"]
    with subprocess.Popen([*command, "--model", "model"], cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("loading")
        deadline = time.monotonic() + 600
        while not list((tmp_path / "out").iterdir()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(60) == (130 if number == signal.SIGINT else 128 + number)
    assert list((tmp_path / "out").iterdir()) == []


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def _sound_only(path: Path) -> Path:
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
