"""What the benchmarks share: runs by turns in one process, and a JSON object a line.

On a CPU seconds of CPU time count, on a GPU those of the wall's clock, from an idle device to an idle device.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch


@torch.inference_mode()
def fastest(runs: Mapping[str, Callable[[], Any]], repeats: int, device: str = "cpu") -> dict[str, float]:
    """Seconds of each run, the least of its repeats; the runs take turns, so that all meet the same noise."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            started = _now(device)
            run()
            seconds[name].append(_now(device) - started)
    return {name: min(times) for name, times in seconds.items()}


def _now(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def print_line(**values: Any) -> None:
    """One result: numbers with three decimals."""
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}
    print(json.dumps(rounded), flush=True)
