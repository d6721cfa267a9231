"""What the benchmarks share: the device, threads and seeds, runs by turns in one process, and a JSON object a line.

On a CPU seconds of CPU time count, on a GPU those of the wall's clock, from an idle device to an idle device.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

SEED = 0
CLOCK = {"cpu": "CPU seconds", "cuda": "seconds"}
"""What `fastest` counts."""


def add_device(parser: argparse.ArgumentParser, what: str = "where the work is done") -> None:
    """Let a benchmark take `--device cpu` or `--device cuda`; the latter is refused where torch sees no GPU."""
    parser.add_argument("--device", type=_present, choices=("cpu", "cuda"), default="cpu", help=what)


def _present(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("cuda is asked for, but torch sees no GPU here: choose cpu")
    return device


def begin(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, with `--threads` and the seed set in this process."""
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    return options


@torch.inference_mode()
def fastest(runs: Mapping[str, Callable[[], Any]], repeats: int, device: str = "cpu") -> dict[str, float]:
    """Seconds of each run, the least of its repeats; the runs take turns, so that all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            started = now(device)
            run()
            seconds[name].append(now(device) - started)
    return {name: min(times) for name, times in seconds.items()}


def now(device: str) -> float:
    """Seconds on the clock that counts there."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def installed(**builders: Callable[[], Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What each builder builds, and of those that miss a package, why."""
    found, missing = {}, {}
    for name, build in builders.items():
        try:
            found[name] = build()
        except ImportError as error:
            missing[name] = str(error)
            print(f"{name} is not here ({error}): left out", file=sys.stderr)
    return found, missing


def print_line(
    name: str,
    *,
    ours: float | None,
    peer: float | None,
    unit: str,
    device: str,
    why: str | None = None,
    **settings: Any,
) -> None:
    """One result as a JSON object, its numbers with four digits.

    Args:
        name: which benchmark, and against what.
        ours, peer: the two figures, of which `ratio` is ours over the peer's; None where there is none.
        unit: of both.
        device: cpu or cuda, of which the line names the card.
        why: why a figure is None.
        settings: whatever else tells what was measured.
    """
    assert why or (ours is not None and peer is not None), f"{name} lacks a figure and does not say why"
    values = {
        "name": name,
        "ours": ours,
        "peer": peer,
        "ratio": ours / peer if ours is not None and peer is not None else None,
        "unit": unit,
        "device": f"cuda, {torch.cuda.get_device_name()}" if device == "cuda" else device,
        **({"why": why} if why else {}),
        **settings,
    }
    print(json.dumps({key: _rounded(value) for key, value in values.items()}, default=str), flush=True)


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
