"""All that a GPU should answer, in one call of under ten minutes: a JSON object a line.

    make gpu-benchmarks                                       # the paper's sizes in bf16
    python benchmarks/gpu.py --device cpu --small             # the same list at tiny sizes, to see that it runs

Each benchmark runs in a process of its own with a limit of time. One that fails, or takes longer, gets a line with the
reason, and the rest goes on.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAPER = "--dtype bfloat16 --width 1536 --layers 48 --heads 24"
TINY = "--width 32 --layers 2 --card 24 --context 6 --repeats 1"
LIST = {
    "decode, one clip": (f"decode.py {PAPER} --guidance 3 --repeats 2", f"decode.py {TINY} --guidance 3 --frames 12"),
    "decode, 64 clips": (
        f"decode.py {PAPER} --guidance 3 --batch 64 --frames 100 --repeats 1",
        f"decode.py {TINY} --guidance 3 --batch 4 --frames 12",
    ),
    "train": (f"train.py {PAPER} --frames 500 --batch 8 --repeats 3", f"train.py {TINY} --frames 20 --batch 2"),
    "zero": (
        "zero.py --size vmas_paper --layers 12 --precision bf16 --batch 4 --repeats 3",
        "zero.py --batch 2 --repeats 1 --ranks 1",
    ),
    "loader": ("loader.py --repeats 2", "loader.py --side 64 --repeats 1"),
    "vision": (
        "vision.py",
        "vision.py --raft small --side 128 --frames 3 --repeats 1 --clip vit_xsmall_patch16_clip_224",
    ),
    "encoder": ("encoder.py", None),
    "memory": ("memory.py --dtype bfloat16", "memory.py --size vmas_base --tokens 20"),
}
"""Options of each benchmark at the paper's sizes, and at tiny ones; None: there are no tiny ones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--small", action="store_true", help="tiny sizes: do the benchmarks run?")
    parser.add_argument("--only", nargs="*", default=list(LIST), choices=LIST, help="some of the list")
    parser.add_argument("--limit", type=float, default=150.0, help="seconds for each")
    options = parser.parse_args()
    for name in options.only:
        if command := LIST[name][options.small]:
            _run(name, command.split(), options)


def _run(name: str, command: list[str], options: argparse.Namespace) -> None:
    """One benchmark; its lines go through, its error becomes a line."""
    script, *arguments = command
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER.parent / "src"), *sys.path])}
    try:
        done = subprocess.run(
            [sys.executable, FOLDER / script, *arguments, "--device", options.device],
            env=environment,
            capture_output=True,
            text=True,
            timeout=options.limit,
        )
    except subprocess.TimeoutExpired:
        print(json.dumps({"name": name, "error": f"longer than {options.limit:g} s"}), flush=True)
        return
    for line in done.stdout.splitlines():
        print(line, file=sys.stdout if line.startswith("{") else sys.stderr, flush=True)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "Error" in line]
        print(json.dumps({"name": name, "error": told[-1] if told else f"status {done.returncode}"}), flush=True)
        sys.stderr.write(done.stderr)


if __name__ == "__main__":
    main()
