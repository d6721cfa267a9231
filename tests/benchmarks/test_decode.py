import importlib
import json
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("options", [[], ["--guidance", "3", "--batch", "2"]])
def test_greedy_tokens_equal_those_of_audiocraft_and_transformers(monkeypatch, capsys, options):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    decode = importlib.import_module("decode")
    sizes = {"width": 32, "layers": 2, "card": 24, "frames": 30, "context": 6, "repeats": 1}
    monkeypatch.setattr(sys, "argv", ["decode.py", *(f"--{name}={size}" for name, size in sizes.items()), *options])
    decode.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"].split(", ")[1] for line in lines] == [
        f"{ours} against {peer}" for ours in ("float32", "int8") for peer in ("audiocraft", "transformers")
    ]
    assert all(line["ratio"] > 0 for line in lines)
    assert [line["tokens_equal"] for line in lines] == [True, True, False, False]
