"""The temporal video encoder: Hiera with a configurable pooling stride and attention window per stage (section 4.2).

Stock Hiera pools 2x2 three times and derives its attention windows from one "mask unit" that shrinks with each pooling;
the paper's strides 4, 7, 2 cannot be expressed that way. Here tokens stay in their [T, H, W] grid and every stage has
its own stride and window; stock Hiera (2, 2, 2; windows 8, 4, all, all) is one setting. Parameter names are the
original's.
"""

# B batch, F frames, T time steps, H W token grid, C channels, D width

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vmas_pipeline.model.encoders.hiera_blocks import Block, PatchEmbed
from vmas_pipeline.model.encoders.interface import Encoder
from vmas_pipeline.model.weights import Loaded, State, load

STEPS_IN_CACHE = 2
"""Time steps that a CPU processes together in the first stages (docs/performance.md)."""

KERNEL, TIMES = "patch_embed.proj.weight", "pos_embed_temporal"


@dataclass(frozen=True, kw_only=True)
class HieraConfig:
    """Hiera with a pooling stride and an attention window per stage (paper section 4.2, Table 2)."""

    kind: Literal["hiera"] = "hiera"
    frames: int
    """Frames of a clip."""
    frame_size: int
    """Height and width of a frame in pixels."""
    depths: tuple[int, ...]
    """Blocks of each stage."""
    widths: tuple[int, ...]
    """Channels of each stage."""
    heads: tuple[int, ...]
    """Attention heads of each stage."""
    pool_strides: tuple[int, ...]
    """Spatial Q-pooling on entry to stages 2, 3, ...: one fewer than there are stages."""
    windows: tuple[int | None, ...]
    """Side of each stage's square attention window within one frame; None attends over all frames and positions."""
    patch_kernel: tuple[int, int, int] = (3, 7, 7)
    patch_stride: tuple[int, int, int] = (2, 4, 4)
    patch_padding: tuple[int, int, int] = (1, 3, 3)
    frame_difference: bool = False
    """Give the patch convolution |difference to the previous frame| as a fourth channel (not in the paper)."""
    drop_path: float = 0.0
    """Rate of stochastic depth in the last block; it rises linearly from 0 (Hiera)."""

    def __post_init__(self) -> None:
        stages = len(self.depths)
        for name, expected in (
            ("widths", stages),
            ("heads", stages),
            ("windows", stages),
            ("pool_strides", stages - 1),
        ):
            if len(getattr(self, name)) != expected:
                given = getattr(self, name)
                raise ValueError(f"{name} {given} must have {expected} entries, as depths has {stages} stages")

    @property
    def steps(self) -> int:
        """Number of output time steps: frames divided by the temporal stride of the patch convolution."""
        return self.frames // self.patch_stride[0]

    @property
    def temporal_stride(self) -> int:
        """Frames per output time step."""
        return self.patch_stride[0]

    @property
    def width(self) -> int:
        """Number of output channels."""
        return self.widths[-1]

    @property
    def grid(self) -> int:
        """Tokens along one side of a frame after the patch convolution."""
        return self.frame_size // self.patch_stride[1]


def temporal_hiera() -> HieraConfig:
    """The paper's encoder: Hiera-Base on 96 frames of 224x224 with pooling strides 4, 7, 2 (Table 2)."""
    return HieraConfig(
        frames=96,
        frame_size=224,
        depths=(2, 3, 16, 3),
        widths=(96, 192, 384, 768),
        heads=(1, 2, 4, 8),
        pool_strides=(4, 7, 2),
        windows=(8, 7, None, None),
    )


def stock_hiera() -> HieraConfig:
    """Hiera-Base as published, on 16 frames of 224x224."""
    return replace(temporal_hiera(), frames=16, pool_strides=(2, 2, 2), windows=(8, 4, None, None))


class Hiera(Encoder):
    """Video frames to one feature vector per time step.

    Args:
        config: sizes, strides and windows.
    """

    mean = (0.485, 0.456, 0.406)  # ImageNet's
    deviation = (0.229, 0.224, 0.225)
    config: HieraConfig
    published = "facebookresearch/hiera's or timm's Hiera-Base, such as mae_hiera_base_224.pth"

    def __init__(self, config: HieraConfig):
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
        self.local = len(list(takewhile(lambda block: block.attn.window is not None, blocks)))  # within single frames
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.activation_checkpointing = False  # of the blocks within single frames
        self._initialise()

    def forward(self, frames: Tensor) -> Tensor:
        """[B, 3, F, height, width] -> [B, T, D], the mean over space of the last stage after its norm."""
        return self.norm(self.forward_features(frames)).mean((2, 3))  # [B, T, H, W, D] -> [B, T, D]

    def forward_features(self, frames: Tensor) -> Tensor:
        """The last stage's tokens, before its norm: [B, 3, F, height, width] -> [B, T, H, W, D]."""
        self.check(frames)
        if self.config.frame_difference:
            frames = torch.cat([frames, frame_difference(frames)], dim=1)
        x = self.patch_embed(frames)  # [B, T, H, W, C]
        spatial = self.pos_embed_spatial.view(1, 1, self.config.grid, self.config.grid, -1)
        x = x + spatial + self.pos_embed_temporal[:, :, None, None]
        parts = [self._within_frames(part) for part in x.split(self._steps_at_once(x), dim=1)]
        return self.blocks[self.local :](torch.cat(parts, dim=1))

    def _within_frames(self, x: Tensor) -> Tensor:
        """The blocks within single frames: [B, t, H, W, C] -> [B, t, h, w, D]."""
        for block in list(self.blocks)[: self.local]:
            keep = not (self.activation_checkpointing and torch.is_grad_enabled())
            x = block(x) if keep else checkpoint(block, x, use_reentrant=False)
        return x

    def _steps_at_once(self, x: Tensor) -> int:
        """Time steps that the blocks within single frames process together: few on a CPU, to stay in its cache."""
        return STEPS_IN_CACHE if x.device.type == "cpu" and not torch.is_grad_enabled() else x.shape[1]

    def load_published(self, state: Mapping[str, Tensor]) -> Loaded:
        """Load Hiera's weights, all of them or none; see `hiera_weights` for what is adapted.

        Args:
            state: of facebookresearch/hiera or timm's Hiera, for images or video, including pretraining checkpoints.

        Returns:
            What was taken, kept (the last norm, if the state has none), dropped (the classifier) and changed.

        Raises:
            ValueError: weights of another model; the message names entries and shapes.
        """
        weights, dropped, changed = hiera_weights(state, self.state_dict())
        return load(self, weights, dropped, changed, may_stay={"norm.weight", "norm.bias"})

    load_hiera = load_published

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.pos_embed_spatial, std=0.02)
        nn.init.trunc_normal_(self.pos_embed_temporal, std=0.02)


def frame_difference(frames: Tensor) -> Tensor:
    """|frame - previous frame|, averaged over colours: [B, 3, F, H, W] -> [B, 1, F, H, W]; zero for the first frame."""
    difference = frames.diff(dim=2).abs().mean(1, keepdim=True)
    return functional.pad(difference, (0, 0, 0, 0, 1, 0))


def _blocks(config: HieraConfig) -> list[Block]:
    """Blocks of all stages. A stage's first block pools, and still uses the previous stage's attention window."""
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


def temporal_hiera_base() -> Hiera:
    """The paper's encoder: Hiera-Base for 96 frames at 224x224 with pooling strides 4, 7, 2 (Table 2)."""
    return Hiera(temporal_hiera())


def hiera_base_16x224() -> Hiera:
    """Stock Hiera-Base for 16 frames at 224x224."""
    return Hiera(stock_hiera())


def hiera_base_224() -> Hiera:
    """Stock Hiera-Base for images, given as clips of one frame."""
    image = replace(stock_hiera(), patch_kernel=(1, 7, 7), patch_stride=(1, 4, 4), patch_padding=(0, 3, 3))
    return Hiera(replace(image, frames=1))


def hiera_weights(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> tuple[State, list[str], dict[str, str]]:
    """Hiera's weights under the video encoder's names, adapted where that preserves their meaning.

    Image weights become video weights: the patch kernel is repeated over time and divided by its length, which makes a
    still video give the image's output (I3D, Carreira and Zisserman 2017), and temporal positions are zero. A different
    number of temporal positions is interpolated. Pooling strides and windows have no weights: they may differ.

    Args:
        state: of facebookresearch/hiera (MAE pretraining too) or timm's Hiera, 2-D or 3-D.
        ours: the encoder's own state dict, for the shapes.

    Returns:
        The weights, the entries left out, and what was changed.
    """
    named = {name: _hiera_name(name) for name in state}
    weights = {new: state[old] for old, new in named.items() if new}
    changed: dict[str, str] = {}
    if KERNEL in weights:
        weights[KERNEL], how = _kernel_to_fit(weights[KERNEL], ours[KERNEL])
        changed |= {KERNEL: how} if how else {}
    if TIMES not in weights:
        weights[TIMES] = torch.zeros_like(ours[TIMES])
        changed[TIMES] = "zeros, since images have no time"
    elif weights[TIMES].shape[1] != ours[TIMES].shape[1]:
        changed[TIMES] = f"{weights[TIMES].shape[1]} positions, interpolated to {ours[TIMES].shape[1]}"
        weights[TIMES] = interpolate_positions(weights[TIMES], ours[TIMES].shape[1])
    return weights, [old for old, new in named.items() if not new], changed


def _kernel_to_fit(kernel: Tensor, ours: Tensor) -> tuple[Tensor, str]:
    """A patch kernel with our temporal length and our channels, and a description of the change."""
    done = []
    if kernel.dim() == 4:
        kernel = inflate(kernel, ours.shape[2])
        done.append(f"an image's, spread over {ours.shape[2]} frames")
    if more := max(0, ours.shape[1] - kernel.shape[1]):
        kernel = functional.pad(kernel, (0, 0, 0, 0, 0, 0, 0, more))
        done.append(f"zeros for {more} more channel")
    return kernel, "; ".join(done)


def _hiera_name(name: str) -> str | None:
    """Our name for one of Hiera's parameters; None for heads and the pretraining decoder."""
    for theirs in ("encoder_norm.", "head.norm.", "norm."):  # MAE, timm, facebookresearch
        if name.startswith(theirs):
            return f"norm.{name.removeprefix(theirs)}"
    if name in ("pos_embed", "pos_embed_abs"):
        return "pos_embed_spatial"
    ours = ("blocks.", "patch_embed.", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_win")
    return name if name.startswith(ours) else None


def inflate(kernel: Tensor, length: int) -> Tensor:
    """An image kernel for video, [D, C, h, w] -> [D, C, length, h, w]; its sum over time is the image kernel."""
    return kernel.unsqueeze(2).repeat(1, 1, length, 1, 1) / length


def interpolate_positions(positions: Tensor, steps: int) -> Tensor:
    """Positions for another number of time steps, interpolated linearly: [1, T, D] -> [1, steps, D]."""
    return functional.interpolate(positions.transpose(1, 2), steps, mode="linear").transpose(1, 2)
