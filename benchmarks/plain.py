"""A training step in plain PyTorch, in float32, or in bf16 as ours has it: a float32 copy of the weights is stepped."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def plain_step(
    stepped: nn.Module,
    worked: nn.Module,
    loss: Callable[[], Tensor],
    optimiser: torch.optim.Optimizer,
    max_grad_norm: float = 0.0,
) -> Callable[[], None]:
    """Forward, backward and the optimiser's step.

    Args:
        stepped: the weights that the optimiser steps.
        worked: the model that `loss` runs; `stepped` itself, a wrapper around it, or a copy in bf16.
        loss: forward.
        optimiser: over the parameters of `stepped`.
        max_grad_norm: bound on the gradient's norm; 0 is none.
    """
    targets, sources = list(worked.parameters()), list(stepped.parameters())
    copied = targets[0] is not sources[0]

    @torch.inference_mode(False)
    @torch.enable_grad()
    def step() -> None:
        loss().backward()
        if copied:
            for source, target in zip(sources, targets, strict=True):
                source.grad, target.grad = target.grad.float(), None
        if max_grad_norm:
            nn.utils.clip_grad_norm_(sources, max_grad_norm)
        optimiser.step()
        optimiser.zero_grad()
        if copied:
            with torch.no_grad():
                torch._foreach_copy_(targets, sources)

    return step
