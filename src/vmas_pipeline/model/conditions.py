"""What music is made under: a tensor for each condition, and a mask that says where it was given."""

# B batch, F frames, C context steps, D width

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Conditions:
    """The conditions of a batch of clips. What a tensor holds where its mask is False does not matter."""

    frames: Tensor  # uint8 [B, F, height, width, 3], RGB
    has_video: Tensor  # bool [B]
    curves: dict[str, Tensor] = field(default_factory=dict)  # by name, float32 [B, F, E]
    has_curves: dict[str, Tensor] = field(default_factory=dict)  # by name, bool [B]

    @classmethod
    def of_video(cls, frames: Tensor, curves: dict[str, Tensor] | None = None) -> "Conditions":
        """Every clip has its video, and the curves that were drawn from it."""
        given = torch.ones(len(frames), dtype=torch.bool, device=frames.device)
        curves = curves or {}
        return cls(frames=frames, has_video=given, curves=curves, has_curves=dict.fromkeys(curves, given))

    def map(self, change: Callable[[Tensor], Tensor]) -> "Conditions":
        """Each tensor and mask changed, as by moving it to a device."""
        return Conditions(
            frames=change(self.frames),
            has_video=change(self.has_video),
            curves={name: change(curve) for name, curve in self.curves.items()},
            has_curves={name: change(given) for name, given in self.has_curves.items()},
        )

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Context:
    """What the decoder attends to: the features of the conditions, and which of their steps were given."""

    features: Tensor  # [B, C, D]
    given: Tensor  # bool [B, C]

    @classmethod
    def of(cls, context: "Context | Tensor") -> "Context":
        """Features [B, C, D] alone are all given."""
        if isinstance(context, Context):
            return context
        return cls(context, torch.ones(context.shape[:2], dtype=torch.bool, device=context.device))

    def absent(self) -> "Context":
        """The same without any condition, as classifier-free guidance needs it."""
        return replace(self, given=torch.zeros_like(self.given))

    def shuffled(self) -> "Context":
        """Each clip under the conditions of the one before it."""
        return Context(self.features.roll(1, 0), self.given.roll(1, 0))

    @staticmethod
    def stacked(*contexts: "Context") -> "Context":
        """The clips of several, one after the other."""
        return Context(torch.cat([c.features for c in contexts]), torch.cat([c.given for c in contexts]))
