"""Hiera's blocks on a token grid: windowed or global attention with Q-pooling, and an MLP."""

# B batch, F frames, T time steps, H W token grid, C channels in, D channels out, N tokens of a window, h heads

import torch
from torch import Tensor, nn
from torch.nn import functional


class PatchEmbed(nn.Module):
    """Patches by one 3-D convolution: [B, C, F, height, width] -> [B, T, H, W, D]."""

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int],
        padding: tuple[int, int, int],
    ):
        super().__init__()
        self.proj = nn.Conv3d(channels, width, kernel, stride, padding)

    def forward(self, frames: Tensor) -> Tensor:
        return self.proj(frames).permute(0, 2, 3, 4, 1).contiguous()


class Block(nn.Module):
    """Windowed or global attention with Q-pooling, then an MLP (Hiera's block).

    Args:
        width_in, width: channels in and out.
        heads: attention heads.
        window: side of the attention window in tokens before pooling; None for all tokens of all frames.
        pool: spatial Q-pooling stride; 1 for none.
        drop_path: rate of stochastic depth.
    """

    def __init__(
        self, width_in: int, width: int, heads: int, window: int | None, pool: int = 1, drop_path: float = 0.0
    ):
        super().__init__()
        self.pool = pool
        self.norm1 = nn.LayerNorm(width_in, eps=1e-6)
        self.proj = nn.Linear(width_in, width) if width != width_in else None
        self.attn = WindowAttention(width_in, width, heads, window, pool)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] -> [B, T, H / pool, W / pool, D]."""
        y = self.norm1(x)
        if self.proj is not None:
            x = max_pool(self.proj(y), self.pool)
        x = x + self.drop_path(self.attn(y))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class Mlp(nn.Module):
    """Two layers with a hidden layer four times as wide."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: in training a branch is dropped for each clip with this probability (Huang et al. 2016)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


class WindowAttention(nn.Module):
    """Attention within square windows of one frame, or over everything; queries may be pooled first."""

    def __init__(self, width_in: int, width: int, heads: int, window: int | None, pool: int):
        super().__init__()
        self.heads, self.window, self.pool = heads, window, pool
        self.qkv = nn.Linear(width_in, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] -> [B, T, H / pool, W / pool, D]."""
        windows = split_windows(x, self.window)  # [windows, t, h, w, C]
        q, k, v = self.qkv(windows).chunk(3, dim=-1)
        q = max_pool(q, self.pool)  # [windows, t, h / pool, w / pool, D]
        y = functional.scaled_dot_product_attention(self._heads(q), self._heads(k), self._heads(v))
        y = self.proj(y.transpose(1, 2).flatten(2)).view(q.shape)  # [windows, heads, N, D / heads] -> as q
        return merge_windows(y, (len(x), x.shape[1], x.shape[2] // self.pool, x.shape[3] // self.pool))

    def _heads(self, x: Tensor) -> Tensor:
        """[windows, t, h, w, D] -> [windows, heads, N, D / heads]."""
        return x.flatten(1, 3).unflatten(-1, (self.heads, -1)).transpose(1, 2)


def split_windows(x: Tensor, side: int | None) -> Tensor:
    """Partition a token grid into square windows of single frames; side None keeps it whole.

    [B, T, H, W, D] -> [B * T * rows * columns, 1, side, side, D].
    """
    if side is None:
        return x
    x = x.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # [B, T, rows, side, columns, side, D]
    return x.transpose(3, 4).flatten(0, 3).unsqueeze(1)


def merge_windows(x: Tensor, grid: tuple[int, int, int, int]) -> Tensor:
    """The inverse of `split_windows`: windows [N, t, h, w, D] -> the grid (B, T, H, W) of D."""
    if x.shape[:4] == grid:
        return x
    rows, columns = grid[2] // x.shape[2], grid[3] // x.shape[3]
    x = x.unflatten(0, (grid[0], grid[1], rows, columns)).squeeze(4).transpose(3, 4)
    return x.flatten(4, 5).flatten(2, 3)  # [B, T, rows, side, columns, side, D] -> [B, T, H, W, D]


def max_pool(x: Tensor, stride: int) -> Tensor:
    """Spatial max pooling of a token grid: [B, T, H, W, D] -> [B, T, H / stride, W / stride, D]."""
    if stride == 1:
        return x
    # one axis at a time: on a CPU 35 times as fast as both together
    return x.unflatten(2, (-1, stride)).amax(3).unflatten(3, (-1, stride)).amax(4)
