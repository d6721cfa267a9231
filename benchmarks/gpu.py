"""All that a GPU should answer, in one call of less than ten minutes: a JSON object a line, an error's too.

    make gpu-benchmarks                             # or, in any environment with the project: python benchmarks/gpu.py
    python benchmarks/gpu.py train zero             # some of them
    python benchmarks/gpu.py --device cpu --small   # the same list at tiny sizes, to try it

Each benchmark is a process of its own with a limit of time, so that one that fails or hangs leaves the others theirs;
it is answered by a line with its name and its error. How long each took goes to the standard error.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from timing import add_device

PAPER = "--width 1536 --layers 48 --heads 24 --dtype bfloat16"
TINY = "--width 32 --layers 2 --heads 4 --card 24 --context 6 --repeats 1"

BENCHMARKS = {
    "decode": (f"decode.py {PAPER} --guidance 3 --repeats 2", f"decode.py {TINY} --guidance 3 --frames 20"),
    "decode-64": (
        f"decode.py {PAPER} --guidance 3 --batch 64 --frames 100 --repeats 1",
        f"decode.py {TINY} --guidance 3 --batch 4 --frames 20",
    ),
    "train": (f"train.py {PAPER} --frames 500 --batch 8 --repeats 3", f"train.py {TINY} --frames 20 --batch 2"),
    "zero": (
        "zero.py --precision bf16 --size vmas_paper --layers 12 --batch 4 --repeats 3",
        "zero.py --ranks 1 --batch 2 --repeats 1",
    ),
    "loader": ("loader.py --repeats 2", "loader.py --side 224 --clips 1 --repeats 1"),
    "vision": (
        "vision.py",
        "vision.py --raft small --side 128 --frames 3 --repeats 1 --clip vit_xsmall_patch16_clip_224",
    ),
    "encoder": ("encoder.py", "encoder.py --models hiera_16 --repeats 1"),
    "memory": ("memory.py --dtype bfloat16", "memory.py --size vmas_base --tokens 20"),
}
"""Script and options: at the paper's size, and at a tiny one."""
ALL_S, EACH_S = 590.0, 150.0
"""Limits of time."""


def main() -> None:
    options = _options()
    end = time.monotonic() + ALL_S
    for name in options.only or BENCHMARKS:
        script, *settings = BENCHMARKS[name][options.small].split()
        command = [sys.executable, str(Path(__file__).with_name(script)), "--device", options.device, *settings]
        started = time.monotonic()
        error = run(command, min(EACH_S, end - started))
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        if error:
            print(json.dumps({"name": name, "error": error}), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*BENCHMARKS, []]  # argparse looks the empty default up as well
    parser.add_argument("only", nargs="*", choices=names, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--small", action="store_true", help="tiny sizes")
    add_device(parser)
    parser.set_defaults(device="cuda")
    return parser.parse_args()


def run(command: list[str], limit_s: float) -> str | None:
    """Run it, pass its JSON lines on, and the rest of its output to the standard error, where libraries' notes belong.

    Returns:
        What went wrong, if anything did. No process that it started outlives it.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        try:
            told, said = process.communicate(timeout=max(1.0, limit_s))
        except subprocess.TimeoutExpired:
            return f"stopped after {limit_s:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    for line in told.splitlines():
        print(line, file=sys.stdout if line.startswith("{") else sys.stderr, flush=True)
    sys.stderr.write(said)
    lines = said.strip().splitlines() or [f"status {process.returncode}"]
    return lines[-1] if process.returncode else None


if __name__ == "__main__":
    main()
