"""Optimiser, learning-rate schedule and moving average of the weights (appendix B)."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vmas_pipeline.training.config import OptimiserConfig


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Matrices with weight decay; norms, biases, embeddings, positions and scalars without."""
    undecayed = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | nn.LayerNorm)
        for parameter in module.parameters(recurse=False)
    }
    decayed: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        plain = parameter.dim() < 2 or "pos_embed" in name or name.endswith(".knots") or id(parameter) in undecayed
        (rest if plain else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def build_optimiser(model: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser that the config names, over the model's parameter groups."""
    groups = parameter_groups(model, config.weight_decay)
    if config.name == "dadapt_adam":
        from dadaptation import DAdaptAdam

        return DAdaptAdam(groups, lr=config.learning_rate, betas=config.betas, decouple=True)
    if config.name == "prodigy":
        from prodigyopt import Prodigy

        return Prodigy(groups, lr=config.learning_rate, betas=config.betas)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas)


def learning_rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Linear warm-up to 1, then half a cosine down to `final_rate`.

    Args:
        step: optimiser steps done, from 0.
        steps: optimiser steps of the whole run.
        config: warm-up and end.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = min(1.0, (step - config.warmup_steps) / max(1, steps - config.warmup_steps))
    return config.final_rate + (1 - config.final_rate) * 0.5 * (1 + math.cos(math.pi * progress))


class MovingAverage:
    """Exponential moving average of parameters, in float32; its decay rises to the full one over the first steps."""

    def __init__(self, parameters: Iterable[Tensor], decay: float):
        self.decay = decay
        self.updates = 0
        self.average = [parameter.detach().float().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor]) -> None:
        """Take in the weights after a step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.average, [parameter.detach().float() for parameter in parameters], 1 - decay)

    @torch.no_grad()
    def copy_to(self, parameters: Iterable[Tensor]) -> None:
        """Write the averaged weights into parameters of the same order."""
        for average, parameter in zip(self.average, parameters, strict=True):
            parameter.copy_(average)

    def state_dict(self) -> dict:
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state: dict) -> None:
        self.updates, self.average = state["updates"], state["average"]
