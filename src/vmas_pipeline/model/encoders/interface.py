"""The video encoder interface: a clip's frames in, one feature vector per time step out."""

# B batch, F frames, T time steps, D width

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from vmas_pipeline.model.weights import Loaded


class EncoderConfig(Protocol):
    """The fields that the model requires of any encoder's config, a frozen dataclass."""

    @property
    def kind(self) -> str:
        """Its key in `ENCODERS`."""

    @property
    def frames(self) -> int:
        """Frames of a clip that it sees."""

    @property
    def frame_size(self) -> int:
        """Height and width of a frame in pixels."""

    @property
    def temporal_stride(self) -> int:
        """Frames per output time step."""

    @property
    def width(self) -> int:
        """Number of output channels."""


class Encoder(nn.Module, ABC):
    """A video encoder of one kind, built from its config."""

    config: EncoderConfig
    activation_checkpointing: bool
    """Whether blocks keep only their inputs for the backward pass."""
    mean: ClassVar[tuple[float, float, float]]
    """Of the RGB values in [0, 1] that its published weights were trained on."""
    deviation: ClassVar[tuple[float, float, float]]
    published: ClassVar[str]
    """Which published weights it loads, in words."""

    def normalise(self, frames: Tensor) -> Tensor:
        """Decoded frames as encoder input: uint8 [B, F, H, W, 3], RGB -> float32 [B, 3, F, H, W]."""
        mean, deviation = (torch.tensor(values, device=frames.device) * 255 for values in (self.mean, self.deviation))
        return ((frames.float() - mean) / deviation).permute(0, 4, 1, 2, 3)

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:
        """Encode a batch of clips.

        Args:
            frames: float [B, 3, F, H, W], from `normalise`.

        Returns:
            [B, T, D], T = F / temporal stride.

        Raises:
            ValueError: the shape does not match the config.
        """

    @abstractmethod
    def load_published(self, state: Mapping[str, Tensor]) -> Loaded:
        """Load published weights, all of them or none.

        Raises:
            ValueError: weights of another model; the message names entries and shapes.
        """

    @torch.no_grad()
    def multiply_adds(self) -> int:
        """For one clip, attention included (paper Table 6, whose own figures count in two ways: docs/benchmarks.md)."""
        from torch.utils.flop_counter import FlopCounterMode  # imported late: it takes a third of a second

        size, place = self.config.frame_size, next(self.parameters())
        frames = torch.zeros(1, 3, self.config.frames, size, size, device=place.device, dtype=place.dtype)
        with FlopCounterMode(display=False) as counter:
            self(frames)
        return counter.get_total_flops() // 2

    def check(self, frames: Tensor) -> None:
        """Raise a ValueError unless frames are [B, 3, F, H, W] with the config's sizes."""
        count, size = self.config.frames, self.config.frame_size
        if frames.dim() != 5 or frames.shape[1:] != (3, count, size, size):
            raise ValueError(f"frames {list(frames.shape)} must have the shape [batch, 3, {count}, {size}, {size}]")
