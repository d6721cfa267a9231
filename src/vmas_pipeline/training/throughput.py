"""Training speed, and where the time goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

MATRIX = {"cpu": 1024, "cuda": 8192}
"""Size of the square matrices whose product measures a device's peak rate."""


class StepTimer:
    """Seconds of one optimiser step on this rank."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.started = time.perf_counter()
        self.seconds = self.data_s = self.alone_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time a block that waits for data."""
        started = time.perf_counter()
        yield
        self.data_s += time.perf_counter() - started

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Time a block that works independently of the other ranks, except for what ZeRO stage 3 gathers."""
        started = time.perf_counter()
        yield
        _wait(self.device)
        self.alone_s += time.perf_counter() - started

    def end(self) -> None:
        self.seconds = time.perf_counter() - self.started


def slowest_rank(seconds: float, device: torch.device) -> tuple[int, float]:
    """The slowest rank, and its time over the mean of all; all ranks take part."""
    all_seconds = [torch.zeros(1, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(all_seconds, torch.tensor([seconds], device=device))
    times = torch.cat(all_seconds)
    return int(times.argmax()), float(times.max() / times.mean().clamp(min=1e-9))


def matmul_rate(device: torch.device, dtype: torch.dtype, repeats: int = 10) -> float:
    """Floating-point operations per second of a large matrix product, best of some: the reference for utilisation."""
    size = MATRIX[device.type]
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
