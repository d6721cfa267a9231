"""A training that is interrupted and goes on: what a step draws depends on its number alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from vmas_pipeline.codec.optimisation import cosine
from vmas_pipeline.media import whole_file


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One network's training."""

    name: str
    network: nn.Module
    optimisers: list[torch.optim.Optimizer]
    steps: int
    file: Path
    """Its checkpoint."""
    every: int
    """Steps between checkpoints."""
    seed: int


def run(stage: Stage, loss_of: Callable[[np.random.Generator], Tensor]) -> float:
    """Train for the steps that are not done yet: warm-up, then half a cosine to zero.

    Args:
        stage: what is trained; its optimisers have their highest learning rates.
        loss_of: the loss of a step, from that step's random numbers.

    Returns:
        The mean loss of the last tenth of the steps.
    """
    highest = [[group["lr"] for group in optimiser.param_groups] for optimiser in stage.optimisers]
    losses = _restore(stage)
    stage.network.train()
    with tqdm(total=stage.steps, initial=len(losses), desc=f"vid2mldm: {stage.name}", unit="step") as bar:
        for step in range(len(losses), stage.steps):
            _set_rates(stage, highest, cosine(step, stage.steps))
            losses.append(_step(stage, loss_of(np.random.default_rng([stage.seed, step]))))
            bar.set_postfix(loss=f"{np.mean(losses[-20:]):.4f}", refresh=False)
            bar.update()
            if (step + 1) % stage.every == 0 or step + 1 == stage.steps:
                _store(stage, losses)
    stage.network.eval()
    return float(np.mean(losses[-max(1, stage.steps // 10) :]))


def _set_rates(stage: Stage, highest: list[list[float]], share: float) -> None:
    for optimiser, rates in zip(stage.optimisers, highest, strict=True):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * share


def _step(stage: Stage, loss: Tensor) -> float:
    stage.network.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(stage.network.parameters(), 1.0)
    for optimiser in stage.optimisers:
        optimiser.step()
    return loss.item()


def _store(stage: Stage, losses: list[float]) -> None:
    state = {
        "network": stage.network.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in stage.optimisers],
        "losses": losses,
    }
    with whole_file(stage.file) as temporary:
        torch.save(state, temporary)


def _restore(stage: Stage) -> list[float]:
    """Load the checkpoint, if there is one; the losses of the steps that are done."""
    if not stage.file.is_file():
        return []
    state = torch.load(stage.file, map_location="cpu", weights_only=True)
    stage.network.load_state_dict(state["network"])
    for optimiser, stored in zip(stage.optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(stored)
    losses: list[float] = state["losses"]
    return losses
