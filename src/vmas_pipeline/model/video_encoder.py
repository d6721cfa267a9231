"""The temporal video encoder: Hiera whose pooling stride and attention window are set for each stage (section 4.2).

Stock Hiera pools 2x2 three times and derives its attention windows from one "mask unit" that shrinks with each pooling;
the paper's strides 4, 7, 2 cannot be written that way. Here tokens stay in their [T, H, W] grid and every stage has its
own stride and window, of which stock Hiera (2, 2, 2; windows 8, 4, all, all) is one choice. Parameter names are the
original's.
"""

# B batch, F frames, T time steps, H W token grid, C channels, N tokens of a window, h heads

from collections.abc import Mapping
from itertools import takewhile

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vmas_pipeline.model.config import VideoEncoderConfig, stock_hiera, temporal_hiera, with_overrides
from vmas_pipeline.model.weights import Loaded, hiera_weights, load

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

STEPS_IN_CACHE = 2
"""Time steps that a CPU takes through the first stages at once (docs/performance.md)."""


def normalise_frames(frames: Tensor) -> Tensor:
    """Decoded frames as the encoder takes them.

    Args:
        frames: uint8 [B, F, H, W, 3], RGB.

    Returns:
        float32 [B, 3, F, H, W], normalised by ImageNet's mean and deviation, as Hiera's weights expect.
    """
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device) * 255
    std = torch.tensor(IMAGENET_STD, device=frames.device) * 255
    return ((frames.float() - mean) / std).permute(0, 4, 1, 2, 3)


class VideoEncoder(nn.Module):
    """Video frames to one feature vector a time step.

    Args:
        config: sizes, strides and windows.
    """

    def __init__(self, config: VideoEncoderConfig):
        super().__init__()
        self.config = config
        channels = 4 if config.frame_difference else 3
        self.patch_embed = PatchEmbed(
            channels, config.widths[0], config.patch_kernel, config.patch_stride, config.patch_padding
        )
        self.pos_embed_spatial = nn.Parameter(torch.zeros(1, config.grid**2, config.widths[0]))
        self.pos_embed_temporal = nn.Parameter(torch.zeros(1, config.steps, config.widths[0]))
        blocks = _blocks(config)
        self.blocks = nn.Sequential(*blocks)
        self.local = len(list(takewhile(lambda block: block.attn.window is not None, blocks)))  # see single frames
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.recompute = False  # True: blocks within single frames keep their inputs alone for the backward pass
        self._initialise()

    def forward(self, frames: Tensor) -> Tensor:
        """Encode a batch of clips.

        Args:
            frames: float [B, 3, F, height, width], from `normalise_frames`.

        Returns:
            [B, T, D], T = F / temporal stride: the mean over space of the last stage after its norm.

        Raises:
            ValueError: the shape is not the one that the config names.
        """
        return self.norm(self.forward_features(frames)).mean((2, 3))  # [B, T, H, W, D] -> [B, T, D]

    def forward_features(self, frames: Tensor) -> Tensor:
        """The last stage's tokens, before its norm: [B, 3, F, height, width] -> [B, T, H, W, D]."""
        check_frames(frames, self.config.frames, self.config.frame_size)
        if self.config.frame_difference:
            frames = torch.cat([frames, frame_difference(frames)], dim=1)
        x = self.patch_embed(frames)  # [B, T, H, W, C]
        spatial = self.pos_embed_spatial.view(1, 1, self.config.grid, self.config.grid, -1)
        x = x + spatial + self.pos_embed_temporal[:, :, None, None]
        parts = [self._within_frames(part) for part in x.split(self._steps_at_once(x), dim=1)]
        return self.blocks[self.local :](torch.cat(parts, dim=1))

    def _within_frames(self, x: Tensor) -> Tensor:
        """The blocks that see single frames: [B, t, H, W, C] -> [B, t, h, w, D]."""
        for block in list(self.blocks)[: self.local]:
            keep = not (self.recompute and torch.is_grad_enabled())
            x = block(x) if keep else checkpoint(block, x, use_reentrant=False)
        return x

    def _steps_at_once(self, x: Tensor) -> int:
        """Time steps that the blocks within single frames take at once: on a CPU few, which then stay in its cache."""
        return STEPS_IN_CACHE if x.device.type == "cpu" and not torch.is_grad_enabled() else x.shape[1]

    def load_hiera(self, state: Mapping[str, Tensor]) -> Loaded:
        """Take over Hiera's weights, all of them or none; see `weights.hiera_weights` for what is made to fit.

        Args:
            state: of facebookresearch/hiera or timm's Hiera, for images or video, pretraining included.

        Returns:
            What was taken, kept (the last norm, where there is none), dropped (the classifier) and changed.

        Raises:
            ValueError: weights of another model; the message names entries and shapes.
        """
        weights, dropped, changed = hiera_weights(state, self.state_dict())
        return load(self, weights, dropped, changed, may_stay={"norm.weight", "norm.bias"})

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.pos_embed_spatial, std=0.02)
        nn.init.trunc_normal_(self.pos_embed_temporal, std=0.02)


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
    """Two layers, four times as wide between them."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: in training a branch is left out, for each clip with this probability (Huang et al. 2016)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


class WindowAttention(nn.Module):
    """Attention within square windows of one frame, or over everything; queries may be pooled before it."""

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
    """Cut a token grid into square windows of single frames; side None leaves it whole.

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
    # one axis after the other: on a CPU 35 times as fast as both at once
    return x.unflatten(2, (-1, stride)).amax(3).unflatten(3, (-1, stride)).amax(4)


def check_frames(frames: Tensor, count: int, size: int) -> None:
    """Raise a ValueError unless frames are [B, 3, count, size, size]."""
    if frames.dim() != 5 or frames.shape[1:] != (3, count, size, size):
        raise ValueError(f"frames {list(frames.shape)} must have the shape [batch, 3, {count}, {size}, {size}]")


def frame_difference(frames: Tensor) -> Tensor:
    """|Frame - the one before|, averaged over colours: [B, 3, F, H, W] -> [B, 1, F, H, W]; zero for the first frame."""
    difference = frames.diff(dim=2).abs().mean(1, keepdim=True)
    return functional.pad(difference, (0, 0, 0, 0, 1, 0))


def _blocks(config: VideoEncoderConfig) -> list[Block]:
    """Blocks of all stages. A stage's first block pools, and still attends by the window of the stage before it."""
    blocks: list[Block] = []
    depth = sum(config.depths)
    for stage, count in enumerate(config.depths):
        for index in range(count):
            enters = stage > 0 and index == 0
            before = stage - 1 if enters else stage
            blocks.append(
                Block(
                    config.widths[before],
                    config.widths[stage],
                    config.heads[stage],
                    config.windows[before],
                    config.pool_strides[before] if enters else 1,
                    config.drop_path * len(blocks) / max(depth - 1, 1),
                )
            )
    return blocks


def temporal_hiera_base() -> VideoEncoder:
    """The paper's encoder: Hiera-Base for 96 frames at 224x224 with pooling strides 4, 7, 2 (Table 2)."""
    return VideoEncoder(temporal_hiera())


def hiera_base_16x224() -> VideoEncoder:
    """Stock Hiera-Base for 16 frames at 224x224."""
    return VideoEncoder(stock_hiera())


def hiera_base_224() -> VideoEncoder:
    """Stock Hiera-Base for images, given as clips of one frame."""
    image = {"frames": 1, "patch_kernel": (1, 7, 7), "patch_stride": (1, 4, 4), "patch_padding": (0, 3, 3)}
    return VideoEncoder(with_overrides(stock_hiera(), image))
