"""Handles losses that are non-finite, or far above the previous ones."""

import math
import statistics
from collections import deque

import torch.distributed as dist
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.training.config import DivergenceConfig

REMEMBERED = 100
"""Losses in the median that defines a spike; spikes are detected once half of them are available."""


class TrainingDiverged(RuntimeError):
    """Training has diverged; the message says since when, and what to try."""


class LossGuard:
    """Decides, identically on all ranks, whether a micro-batch is used.

    Args:
        config: what counts as divergence, and how to react.
    """

    def __init__(self, config: DivergenceConfig):
        self.config = config
        self.recent: deque[float] = deque(maxlen=REMEMBERED)
        self.left_out = self.in_a_row = 0

    def accepts(self, total: Tensor, step: int) -> bool:
        """Whether a micro-batch's loss is acceptable on every rank; all ranks take part.

        Raises:
            TrainingDiverged: it is not, and the policy is to stop, or too many in a row were skipped.
        """
        mean = total.detach().float().clone()
        dist.all_reduce(mean)
        loss = float(mean) / dist.get_world_size()
        problem = self._problem(loss)
        if problem is None:
            self.recent.append(loss)
            self.in_a_row = 0
            return True
        self.left_out += 1
        self.in_a_row += 1
        if self.config.policy == "stop" or self.in_a_row > self.config.most_in_a_row:
            raise TrainingDiverged(
                f"{problem} at step {step}: lower train.optimiser.learning_rate, or leave such batches out with "
                f"train.divergence.policy skip ({self.left_out} left out so far, {self.config.most_in_a_row} in a row "
                "at most)"
            )
        if dist.get_rank() == 0:
            tqdm.write(f"{problem} at step {step}: the micro-batch is left out")
        return False

    def _problem(self, loss: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if self.config.spike and len(self.recent) >= REMEMBERED // 2:
            usual = statistics.median(self.recent)
            if loss > self.config.spike * usual:
                return f"the loss is {loss:.4g}, more than {self.config.spike:g} times the usual {usual:.4g}"
        return None

    def state(self) -> dict:
        return {"recent": list(self.recent), "left_out": self.left_out, "in_a_row": self.in_a_row}

    def load(self, state: dict) -> None:
        self.recent = deque(state["recent"], maxlen=REMEMBERED)
        self.left_out, self.in_a_row = state["left_out"], state["in_a_row"]
