import json
from pathlib import Path

import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.production.orders import orders
from vmas_pipeline.production.record import read_record

from ..tiny_model import film, tiny_generator


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and a tree of two films and a text."""
    root = tmp_path_factory.mktemp("work")
    tiny_generator().save(root / "model")
    (root / "films" / "deep").mkdir(parents=True)
    film(root / "films" / "a.mp4", 0.4)
    film(root / "films" / "deep" / "b.mkv", 0.6)
    (root / "films" / "notes.txt").write_text("no film")
    return root


def test_files_keep_their_place_in_the_tree_and_names_that_meet_keep_their_suffix(films: Path, tmp_path: Path) -> None:
    listed = orders([films / "films"], tmp_path, "mov")
    assert [order.out.relative_to(tmp_path).as_posix() for order in listed] == ["a.mov", "deep/b.mov", "notes.mov"]
    (tmp_path / "a.mkv").touch()
    (tmp_path / "a.mp4").touch()
    both = orders([tmp_path / "a.mkv", tmp_path / "a.mp4"], tmp_path / "out", "mp4")
    assert [order.out.name for order in both] == ["a.mkv.mp4", "a.mp4.mp4"]
    assert both[0].take(2).name == "a.mkv.take-2.mp4"
    inside = orders([films / "films"], films / "films" / "deep", "mov")
    assert [order.video.name for order in inside] == ["a.mp4", "notes.txt"]
    with pytest.raises(ValueError, match="is the folder of the videos itself: name another for the results"):
        orders([films / "films"], films / "films", "mov")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no files"):
        orders([tmp_path / "empty"], tmp_path, "mp4")


def test_a_folder_is_done_but_for_what_fails_and_only_the_rest_is_done_again(
    films: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(films)
    command = ["generate", "films", "--out", "out", "--model", "model", "--candidates", "2"]
    with pytest.raises(SystemExit, match="1"):
        main(command)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "out: 2 made, 0 done before, 1 failed"
    assert said.err.splitlines()[-1].startswith("failed: films/notes.txt: films/notes.txt cannot be read as a video")
    made = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file())
    assert made == ["a.mp4", "a.take-2.mp4", "deep/b.mp4", "deep/b.take-2.mp4"]
    times = {name: Path("out", name).stat().st_mtime_ns for name in made}
    Path("out/deep/b.take-2.mp4").unlink()
    with pytest.raises(SystemExit, match="1"):
        main(command)
    assert capsys.readouterr().out.splitlines()[-1] == "out: 1 made, 1 done before, 1 failed"
    assert Path("out/a.mp4").stat().st_mtime_ns == times["a.mp4"]
    assert Path("out/deep/b.mp4").stat().st_mtime_ns > times["deep/b.mp4"]
    with pytest.raises(SystemExit, match="1"):
        main([*command, "--lufs", "-20"])  # other options: made anew
    assert capsys.readouterr().out.splitlines()[-1] == "out: 2 made, 0 done before, 1 failed"


def test_candidates_go_beside_the_best_and_takes_into_a_folder(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--model", str(films / "model"), "--candidates", "2", "--takes", "kept", "--hit-points", "0.2"]
    with pytest.raises(SystemExit, match="2"):
        main(["generate", str(films / "films" / "a.mp4"), "--out", "out.wav", *options])
    assert "hit points need a model that was trained with curves" in capsys.readouterr().err
    main(["generate", str(films / "films" / "a.mp4"), "--out", "out.wav", *options[:-2]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out.take-2.wav", "out.wav"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("out.wav: 0.40 s, sound alone, music by") and "alignment" in lines[1]
    kept = json.loads(Path("kept/production.json").read_text())["takes"]
    assert [take["seed"] for take in kept] == [
        read_record(Path(name))["seed"] for name in ("out.wav", "out.take-2.wav")
    ]  # type: ignore[index]
    main(["generate", str(films / "films" / "a.mp4"), "--out", "new.wav", "--model", options[1], "--music",
          "kept/take-1.npz", "--redo", "0.1-0.3", "--seed", "4"])  # fmt: skip
    assert read_record(Path("new.wav"))["options"]["redo"] == [[0.1, 0.3]]  # type: ignore[index]
