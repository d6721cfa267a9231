"""The conditions of generation: a tensor per condition, and a mask of the clips that have it."""

# B batch, F frames, C context steps, D width

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Conditions:
    """The conditions of a batch of clips. A tensor's values are ignored where its mask is False."""

    frames: Tensor  # uint8 [B, F, height, width, 3], RGB
    has_video: Tensor  # bool [B]
    curves: dict[str, Tensor] = field(default_factory=dict)  # by name, float32 [B, F, E]
    has_curves: dict[str, Tensor] = field(default_factory=dict)  # by name, bool [B]

    @classmethod
    def of_video(cls, frames: Tensor, curves: dict[str, Tensor] | None = None) -> "Conditions":
        """Every clip has its video, and the curves that were computed from it."""
        given = torch.ones(len(frames), dtype=torch.bool, device=frames.device)
        curves = curves or {}
        return cls(frames=frames, has_video=given, curves=curves, has_curves=dict.fromkeys(curves, given))

    def without_curves(self) -> "Conditions":
        """The same videos, their curves hidden."""
        hidden = {name: torch.zeros_like(given) for name, given in self.has_curves.items()}
        return replace(self, has_curves=hidden)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Conditions":
        """A copy with `change` applied to each tensor and mask, for example to move it to a device."""
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
    """What the decoder attends to: the features of the conditions, and a mask of the steps that were given."""

    features: Tensor  # [B, C, D]
    given: Tensor  # bool [B, C]

    @classmethod
    def of(cls, context: "Context | Tensor") -> "Context":
        """A bare features tensor [B, C, D] counts as given everywhere."""
        if isinstance(context, Context):
            return context
        return cls(context, torch.ones(context.shape[:2], dtype=torch.bool, device=context.device))

    def expanded(self, clips: int) -> "Context":
        """One clip's context for several pieces; that of several clips stays as it is."""
        if len(self.features) != 1:
            return self
        return Context(self.features.expand(clips, -1, -1), self.given.expand(clips, -1))

    def absent(self) -> "Context":
        """The same without any condition, for classifier-free guidance."""
        return replace(self, given=torch.zeros_like(self.given))

    def shuffled(self) -> "Context":
        """Each clip with the conditions of the one before it."""
        return Context(self.features.roll(1, 0), self.given.roll(1, 0))

    @staticmethod
    def stacked(*contexts: "Context") -> "Context":
        """The clips of several contexts, concatenated."""
        return Context(torch.cat([c.features for c in contexts]), torch.cat([c.given for c in contexts]))
