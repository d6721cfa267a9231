import importlib
import json
import runpy
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
SERVERS = {"serving.py"}
"""Start processes that take longer than all others together; tests/server has their parts."""
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text())
SCRIPTS = [name for name in SCRIPTS if name not in SERVERS]
DECODER = "--width 32 --layers 2 --heads 4 --card 24 --frames 20 --context 6 --repeats 1"
TINY = {
    "decode.py": DECODER,
    "distances.py": "--clips 7 --layers 2",
    "encoder.py": "--models hiera_16 --repeats 1",
    "hit_points.py": "--seeds 1",
    "evaluation.py": "--clips 6",
    "gpu.py": "--small memory",
    "loader.py": "--side 224 --clips 1 --repeats 1",
    "media.py": "--height 144 --repeats 1 --large 0.002",
    "seams.py": "--pieces 2 --seconds 7",
    "memory.py": "--size vmas_base --tokens 20",
    "study.py": "--studies 2 --kinds 1",
    "train.py": f"{DECODER} --batch 2",
    "vision.py": "--raft small --side 128 --frames 2 --repeats 1 --clip vit_xsmall_patch16_clip_224",
    "zero.py": "--ranks 1 --batch 2 --repeats 1",
}
"""Options of each script in benchmarks/ under which it takes seconds."""


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_takes_a_device_and_prints_lines_of_one_form(monkeypatch, capfd, tmp_path, script):
    if script == "zero.py":
        _be_the_only_rank(monkeypatch)
    more = ["--fadtk", str(_like_fadtk(tmp_path))] if script == "distances.py" else []
    monkeypatch.setattr(sys, "argv", [str(FOLDER / script), "--device", "cpu", *TINY[script].split(), *more])
    runpy.run_path(str(FOLDER / script), run_name="__main__")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        assert list(line)[:6] == ["name", "ours", "peer", "ratio", "unit", "device"]
        assert line["device"] == "cpu"
        if line["peer"] is None:
            assert line["ratio"] is None and line["why"]
        else:
            assert line["ratio"] == pytest.approx(line["ours"] / line["peer"], rel=2e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_gpu_that_is_not_there_is_refused(monkeypatch, capsys, script):
    monkeypatch.setattr(sys, "argv", [script, "--device", "cuda"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    assert "cuda is asked for, but torch sees no GPU here: choose cpu" in capsys.readouterr().err


def test_a_benchmark_that_fails_is_a_line_and_the_next_one_runs(monkeypatch, capfd):
    gpu = importlib.import_module("gpu")
    monkeypatch.setattr(gpu, "BENCHMARKS", {name: (f"{name}.py", f"{name}.py") for name in ("gone", "lost")})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu"])
    gpu.main()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["gone", "lost"]
    assert all("No such file" in line["error"] for line in lines)


def test_a_benchmark_that_hangs_is_stopped():
    gpu = importlib.import_module("gpu")
    assert gpu.run(["sleep", "300"], limit_s=1) == "stopped after 1 s"


def _like_fadtk(folder):
    """What the package fadtk holds: clips, scores and statistics, of noise here."""
    random, names = np.random.default_rng(0), [f"mg-{number}" for number in range(7)]
    (folder / "test" / "samples").mkdir(parents=True)
    (folder / "stats").mkdir()
    for name in names:
        noise = random.normal(0, random.uniform(0.02, 0.2), 6 * 48_000)
        soundfile.write(folder / "test" / "samples" / f"{name}.opus", noise, 48_000, format="OGG", subtype="OPUS")
    scores = "\n".join(f"samples/{name},mg,{i}.5,{i * i}" for i, name in enumerate(names))
    (folder / "test" / "samples_FAD_scores.csv").write_text(f"song_id,dataset,FAD_a,FAD_b\n{scores}\n")
    moments = {
        f"MERT-v1-95M-{n}.{kind}": np.eye(8)[0] * n if kind == "mu" else n * np.eye(8)
        for n in (1, 2)
        for kind in ("mu", "cov")
    }
    np.savez(folder / "stats" / "fma_pop.npz", **moments)
    return folder


def _be_the_only_rank(monkeypatch):
    """What torchrun would set."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rank = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in rank.items():
        monkeypatch.setenv(name, str(value))
