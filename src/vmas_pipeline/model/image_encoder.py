"""CLIP's vision transformer, frame by frame: a row of the paper's Table 6, behind the video encoder's interface."""

# B batch, F frames, D width

from collections.abc import Mapping
from functools import partial

import torch
from timm.layers import QuickGELU
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from vmas_pipeline.model.config import ImageEncoderConfig
from vmas_pipeline.model.video_encoder import IMAGENET_MEAN, IMAGENET_STD, check_frames
from vmas_pipeline.model.weights import Loaded, load

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
PREFIX = "transformer."


class ImageEncoder(nn.Module):
    """One feature vector a frame: the class token after CLIP's last norm, before its projection.

    Args:
        config: sizes.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, config: ImageEncoderConfig):
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
        mean, std, clip_mean, clip_std = (
            torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD, CLIP_MEAN, CLIP_STD)
        )
        self.register_buffer("scale", std / clip_std, persistent=False)  # from ImageNet's normalisation to CLIP's
        self.register_buffer("shift", (mean - clip_mean) / clip_std, persistent=False)

    @property
    def recompute(self) -> bool:
        """Whether blocks keep their inputs alone for the backward pass."""
        return self.transformer.grad_checkpointing

    @recompute.setter
    def recompute(self, value: bool) -> None:
        self.transformer.set_grad_checkpointing(value)

    def forward(self, frames: Tensor) -> Tensor:
        """Encode a batch of clips.

        Args:
            frames: float [B, 3, F, height, width], from `normalise_frames`.

        Returns:
            [B, F, D].

        Raises:
            ValueError: the shape is not the one that the config names.
        """
        check_frames(frames, self.config.frames, self.config.frame_size)
        images = frames.transpose(1, 2).flatten(0, 1) * self.scale + self.shift  # [B * F, 3, height, width]
        return self.transformer(images).unflatten(0, (len(frames), -1))

    def load_clip(self, state: Mapping[str, Tensor]) -> Loaded:
        """Take over CLIP's weights, all of them or none.

        Args:
            state: of OpenAI's or open_clip's CLIP (its `visual.` part), or of timm's vision transformer.

        Returns:
            What was taken and dropped (the text half, the projection).

        Raises:
            ValueError: weights of another model; the message names entries and shapes.
        """
        named = checkpoint_filter_fn(dict(state), self.transformer)
        weights = {PREFIX + name: value for name, value in named.items() if not name.startswith("head.")}
        dropped = [name for name in state if not name.startswith("visual.")] if "visual.conv1.weight" in state else []
        return load(self, weights, dropped, {}, may_stay=set())
