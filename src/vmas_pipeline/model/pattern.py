"""The delay pattern of codebooks (MusicGen section 2.2; paper appendix B)."""

# B batch, K codebooks, T frames, S = T + K - 1 steps

import torch
from torch import Tensor


def delay(codes: Tensor, fill: int) -> Tensor:
    """Shift codebook k by k steps: one step then predicts frame t of codebook 0, t - 1 of codebook 1, ...

    With K = 3 and T = 4, `.` being `fill`:

        frames            steps
        a0 a1 a2 a3       a0 a1 a2 a3 .  .
        b0 b1 b2 b3  ->   .  b0 b1 b2 b3 .
        c0 c1 c2 c3       .  .  c0 c1 c2 c3

    Args:
        codes: any dtype, [B, K, T].
        fill: value for positions without a code.

    Returns:
        [B, K, T + K - 1].
    """
    batch, codebooks, frames = codes.shape
    steps = codes.new_full((batch, codebooks, frames + codebooks - 1), fill)
    for k in range(codebooks):
        steps[:, k, k : k + frames] = codes[:, k]
    return steps


def undelay(steps: Tensor) -> Tensor:
    """The inverse of `delay`, also for logits: [B, K, T + K - 1, ...] -> [B, K, T, ...]."""
    codebooks = steps.shape[1]
    frames = steps.shape[2] - codebooks + 1
    return torch.stack([steps[:, k, k : k + frames] for k in range(codebooks)], dim=1)
