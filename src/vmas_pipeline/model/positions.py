"""Time in the decoder: positions of its steps, and interpolation of the context."""

# B batch, C context steps, S decoder steps, D width

import torch
from torch import Tensor


def sinusoidal_positions(positions: Tensor, width: int) -> Tensor:
    """Cosines, then sines, at geometric frequencies (audiocraft's create_sin_embedding): [n] -> float32 [n, width]."""
    half = width // 2
    exponents = torch.arange(half, device=positions.device, dtype=torch.float32) / (half - 1)
    phases = positions.float()[:, None] / 10000**exponents
    return torch.cat([phases.cos(), phases.sin()], dim=-1)


def interpolate(context: Tensor, at: Tensor, steps_per_context: float, context_offset: float = 0.5) -> Tensor:
    """Linearly interpolate the context: [B, C, D] at decoder steps [S] -> [B, S, D]; constant beyond the ends.

    The time of a context step is `context_offset` of its length after its start.
    """
    place = ((at + 0.5) / steps_per_context - context_offset).clamp(0, context.shape[1] - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=context.shape[1] - 1)
    return torch.lerp(context[:, low], context[:, high], (place - low).to(context.dtype)[:, None])
