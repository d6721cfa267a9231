"""One layer of the music decoder: self-attention, cross-attention to the video and MLP, over many steps in parallel."""

# B batch, C context steps, n steps, S maximum steps, D width, h heads

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeyValues(Protocol):
    """Receives the keys and values of a layer's steps, for step-by-step decoding from there."""

    def begin(self, keys: Tensor, values: Tensor) -> None:
        """Keep those of the first n steps, [B, h, n, D / h] each."""


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention to the video, MLP; each pre-normalised and residual."""

    def __init__(self, width: int, heads: int, ffn_multiplier: int, time_bias: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attention = SelfAttention(width, heads)
        self.norm_cross = nn.LayerNorm(width)
        self.cross_attention = CrossAttention(width, heads, time_bias)
        self.norm2 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, ffn_multiplier * width, bias=False)
        self.linear2 = nn.Linear(ffn_multiplier * width, width, bias=False)

    def forward(
        self, x: Tensor, keys_values: tuple[Tensor, Tensor], bias: Tensor | None, cache: KeyValues | None
    ) -> Tensor:
        x = x + self.self_attention(self.norm1(x), cache)
        x = x + self.cross_attention(self.norm_cross(x), keys_values, bias)
        return x + self.linear2(functional.gelu(self.linear1(self.norm2(x))))


class SelfAttention(nn.Module):
    """Causal attention over the first n steps."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cache: KeyValues | None = None) -> Tensor:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        if cache is not None:
            cache.begin(k, v)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Attention from the steps to the video features."""

    def __init__(self, width: int, heads: int, time_bias: bool):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.time_bias = TimeBias(heads) if time_bias else None

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, D] -> keys and values [B, h, C, D / h]."""
        k, v = self.kv(context).chunk(2, dim=-1)
        return split_heads(k, self.heads), split_heads(v, self.heads)

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], bias: Tensor | None) -> Tensor:
        q = split_heads(self.q(x), self.heads)
        y = functional.scaled_dot_product_attention(q, *keys_values, attn_mask=bias)
        return self.out(y.transpose(1, 2).flatten(2))


class TimeBias(nn.Module):
    """A cross-attention bias, learned for each head as a function of the distance in time.

    The function is piecewise linear with a knot at every context step up to `reach` away and constant beyond. It is
    initialised with a different slope per head (as in ALiBi): some heads attend near, others far.
    """

    def __init__(self, heads: int, reach: int = 12):
        super().__init__()
        self.reach = reach
        slopes = 2.0 ** -torch.arange(heads)
        self.knots = nn.Parameter(-slopes[:, None] * torch.arange(-reach, reach + 1).abs())  # [h, 2 reach + 1]

    def forward(self, distances: Tensor) -> Tensor:
        """Distances in context steps [S, C] -> bias [h, S, C]."""
        place = (distances + self.reach).clamp(0, 2 * self.reach)
        low = place.floor().long().clamp(max=2 * self.reach - 1)
        fraction = (place - low).to(self.knots.dtype)
        return torch.lerp(self.knots[:, low], self.knots[:, low + 1], fraction)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, n, D] -> [B, h, n, D / h]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
