"""CLIP's vision transformer, frame by frame: a row of the paper's Table 6, with the video encoder interface."""

# B batch, F frames, D width

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor, nn

from vmas_pipeline.model.encoders.interface import Encoder
from vmas_pipeline.model.weights import Loaded, load

PREFIX = "transformer."


@dataclass(frozen=True, kw_only=True)
class ClipViTConfig:
    """CLIP's vision transformer on single frames (paper Table 6)."""

    kind: Literal["clip_vit"] = "clip_vit"
    frames: int
    """Frames of a clip that it sees."""
    frame_size: int
    """Height and width of a frame in pixels."""
    patch: int
    """Side of a patch in pixels."""
    width: int
    """Number of channels, also of the output."""
    depth: int
    heads: int
    temporal_stride: Literal[1] = 1
    """Frames per output time step."""

    @property
    def steps(self) -> int:
        """Number of output time steps."""
        return self.frames


def clip_base() -> ClipViTConfig:
    """CLIP's ViT-B/16 on 16 frames of 224x224."""
    return ClipViTConfig(frames=16, frame_size=224, patch=16, width=768, depth=12, heads=12)


class ClipViT(Encoder):
    """One feature vector per frame: the class token after CLIP's last norm, before its projection."""

    mean = (0.48145466, 0.4578275, 0.40821073)
    deviation = (0.26862954, 0.26130258, 0.27577711)
    config: ClipViTConfig
    published = "OpenAI's, open_clip's or timm's CLIP ViT-B/16"

    def __init__(self, config: ClipViTConfig):
        # timm takes seconds to import, and the other encoders do not need it
        from timm.layers import QuickGELU
        from timm.models.vision_transformer import VisionTransformer

        super().__init__()
        self.config = config
        self.transformer = VisionTransformer(
            img_size=config.frame_size,
            patch_size=config.patch,
            embed_dim=config.width,
            depth=config.depth,
            num_heads=config.heads,
            num_classes=0,
            pre_norm=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-5),
            act_layer=QuickGELU,
        )

    @property
    def activation_checkpointing(self) -> bool:
        """Whether blocks keep only their inputs for the backward pass."""
        return self.transformer.grad_checkpointing

    @activation_checkpointing.setter
    def activation_checkpointing(self, value: bool) -> None:
        self.transformer.set_grad_checkpointing(value)

    def forward(self, frames: Tensor) -> Tensor:
        """[B, 3, F, height, width] -> [B, F, D]."""
        self.check(frames)
        images = frames.transpose(1, 2).flatten(0, 1)  # [B * F, 3, height, width]
        return self.transformer(images).unflatten(0, (len(frames), -1))

    def load_published(self, state: Mapping[str, Tensor]) -> Loaded:
        """Load CLIP's weights, all of them or none.

        Args:
            state: of OpenAI's or open_clip's CLIP (its `visual.` part), or of timm's vision transformer.

        Returns:
            What was taken and dropped (the text half, the projection).

        Raises:
            ValueError: weights of another model; the message names entries and shapes.
        """
        from timm.models.vision_transformer import checkpoint_filter_fn

        named = checkpoint_filter_fn(dict(state), self.transformer)
        weights = {PREFIX + name: value for name, value in named.items() if not name.startswith("head.")}
        dropped = [name for name in state if not name.startswith("visual.")] if "visual.conv1.weight" in state else []
        return load(self, weights, dropped, {}, may_stay=set())
