"""Muon (Jordan 2024) for the matrices of a network and AdamW for the rest, as one optimiser that ZeRO can shard."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

MOMENTUM = 0.95


class Muon(torch.optim.AdamW):
    """AdamW, but for groups with `shapes`, whose matrices take Muon's steps at AdamW's scale (Liu et al. 2025).

    Muon's momentum is elementwise, so it is sharded like AdamW's; its orthogonalisation needs whole matrices. Under
    ZeRO's stages 1 and 2 a group is one flat tensor, of which each rank has an equal part: the parts of the directions
    are gathered, every rank orthogonalises all of them, and steps its own part.

    Args:
        groups: parameter groups; `shapes` lists the shapes of a group's matrices in order, or is empty for AdamW.
        betas: of AdamW.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], betas: tuple[float, float]) -> None:
        super().__init__(groups, betas=betas, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of all groups; a closure is not supported."""
        assert closure is None, "Muon takes no closure"
        every = self.param_groups
        try:
            self.param_groups = [group for group in every if not group["shapes"]]
            super().step()
        finally:
            self.param_groups = every
        for group in every:
            if group["shapes"]:
                self._step_matrices(group)

    def _step_matrices(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        directions = [self._direction(weight, weight.grad) for weight in weights]
        flat = weights and weights[0].dim() == 1
        steps = [_flat_step(directions[0], group["shapes"])] if flat else orthogonal_steps(directions)
        for weight, step in zip(weights, steps, strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=group["lr"])

    def _direction(self, weight: Tensor, gradient: Tensor) -> Tensor:
        """The gradient with Nesterov's momentum, which it updates."""
        state = self.state[weight]
        if not state:
            state["exp_avg"] = torch.zeros_like(weight)
        momentum: Tensor = state["exp_avg"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def _flat_step(part: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """This rank's part of the steps of matrices that are flattened, concatenated, padded and cut into equal parts."""
    parts = [torch.empty_like(part) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, part.contiguous())
    whole = torch.cat(parts)
    sizes = [rows * columns for rows, columns in shapes]
    ends = [0, *torch.tensor(sizes).cumsum(0).tolist()]
    matrices = [whole[start:end].view(shape) for (start, end), shape in zip(pairwise(ends), shapes, strict=True)]
    steps = torch.cat([step.flatten() for step in orthogonal_steps(matrices)])
    padded = torch.nn.functional.pad(steps, (0, len(whole) - len(steps)))
    return padded[dist.get_rank() * len(part) :][: len(part)]


def orthogonal_steps(directions: Sequence[Tensor]) -> list[Tensor]:
    """What torch's Muon, without momentum or decay, adds to matrices of zeros at a learning rate of 1."""
    if not directions:
        return []
    steps = [torch.zeros_like(direction).requires_grad_() for direction in directions]
    for step, direction in zip(steps, directions, strict=True):
        step.grad = direction
    torch.optim.Muon(
        steps, lr=1.0, momentum=0.0, nesterov=False, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    ).step()
    return [step.detach() for step in steps]
