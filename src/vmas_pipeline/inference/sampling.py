"""Sampling settings, shared by training's samples, the model folder, the command and the server."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the next code is sampled. The defaults are MusicGen's; a model folder stores its own."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # for reading configuration files; pydantic is optional

    top_k: int = 250
    """Sample from this many of the likeliest codes; 1 always takes the likeliest."""
    top_p: float = 1.0
    """Sample from the fewest of them that hold this share of their probability (nucleus sampling, Holtzman 2020)."""
    temperature: float = 1.0
    """Above 1 flattens the distribution, below 1 sharpens it."""
    guidance: float = 3.0
    """Classifier-free guidance: 1 is off, above 1 follows the video more closely."""
    curve_guidance: float | None = None
    """Guidance by the curves apart from the video's, for models with curves: above 1 follows the events more closely.
    None: `guidance` holds for both. Where the two differ, and `guidance` is not 1, each step takes a third pass."""

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError(f"top_k ({self.top_k}) must be 1 or more: 1 is greedy")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p ({self.top_p}) must be above 0 and at most 1: 1 leaves nothing out")
        if not self.temperature > 0:
            raise ValueError(f"temperature ({self.temperature}) must be positive; top_k 1 is greedy")
        for name in ("guidance", "curve_guidance"):
            if (scale := getattr(self, name)) is not None and not scale >= 0:
                raise ValueError(f"{name} ({scale}) must not be negative: 1 is none")

    @property
    def separates_curves(self) -> bool:
        """Whether a pass without the curves is needed."""
        return self.curve_guidance not in (None, self.guidance)

    def draw(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Draw one code for each row.

        Args:
            logits: [..., card].
            uniform: [...] in [0, 1), the random numbers: equal numbers give equal codes in any batch.

        Returns:
            int64 [...].
        """
        if self.top_k == 1:
            return logits.argmax(-1)
        kept = min(self.top_k, logits.shape[-1])
        logits, codes = (logits.float() / self.temperature).topk(kept, dim=-1)
        cumulative = logits.softmax(-1).cumsum(-1)
        share = self.top_p if self.top_p < 1 else 2.0  # rounded sums may reach 1 early
        last = (cumulative < share).sum(-1, keepdim=True).clamp(max=kept - 1)  # of the nucleus
        threshold = uniform[..., None] * cumulative.gather(-1, last)
        chosen = torch.searchsorted(cumulative, threshold, right=True).clamp(max=last)
        return codes.gather(-1, chosen).squeeze(-1)
