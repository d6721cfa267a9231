"""Muon (Jordan 2024) for the matrices of a network and AdamW for the rest, as one optimiser that ZeRO can shard."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

MOMENTUM = 0.95
NEWTON_SCHULZ, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
RMS = 0.2
"""Root mean square of a step at a learning rate of 1: AdamW's, from experience."""


class Muon(torch.optim.AdamW):
    """AdamW, but for groups with `shapes`, whose matrices take Muon's steps at AdamW's scale (Liu et al. 2025).

    Muon's momentum is elementwise, so it is sharded like AdamW's; its orthogonalisation needs whole matrices. Under
    ZeRO's stages 1 and 2 a group is one flat tensor, of which each rank has an equal part: the parts of the directions
    are gathered, and every rank orthogonalises the matrices that its own part has a share of.

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
    directions, first = torch.cat(parts), dist.get_rank() * len(part)
    sizes = [rows * columns for rows, columns in shapes]
    starts = [0, *accumulate(sizes)]
    own = [n for n, size in enumerate(sizes) if starts[n] < first + len(part) and starts[n] + size > first]
    matrices = [directions[starts[n] : starts[n] + sizes[n]].view(shapes[n]) for n in own]
    steps = torch.zeros_like(directions)
    for n, step in zip(own, orthogonal_steps(matrices), strict=True):
        steps[starts[n] : starts[n] + sizes[n]] = step.flatten()
    return steps[first : first + len(part)]


def orthogonal_steps(directions: Sequence[Tensor]) -> list[Tensor]:
    """What Muon adds to matrices at a learning rate of 1: directions made orthogonal, with a root mean square of 0.2.

    As torch's Muon with `adjust_lr_fn="match_rms_adamw"`, but for equal shapes together, and in float32: CPUs without
    instructions for bfloat16 take many times as long in it.
    """
    of_shape: dict[torch.Size, list[int]] = {}
    for number, direction in enumerate(directions):
        of_shape.setdefault(direction.shape, []).append(number)
    steps = list(directions)
    for (rows, columns), numbers in of_shape.items():
        together = orthogonalise(torch.stack([directions[number] for number in numbers]))
        for number, step in zip(numbers, together * (-RMS * max(rows, columns) ** 0.5), strict=True):
            steps[number] = step
    return steps


def orthogonalise(matrices: Tensor) -> Tensor:
    """Matrices [N, rows, columns] with the same singular vectors and singular values near 1 (Newton-Schulz)."""
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    a, b, c = NEWTON_SCHULZ
    x = wide / torch.linalg.matrix_norm(wide, keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide is matrices else x.mT
