"""The optimisers of the small codec, and of vocoders that are parts of it."""

from typing import Protocol

import numpy as np
import torch

from vmas_pipeline.codec.sinusoidal import SinusoidalCodec


class Rates(Protocol):
    """The highest learning rates of a training."""

    @property
    def learning_rate(self) -> float:
        """Of biases, norms and convolutions (AdamW)."""

    @property
    def matrix_learning_rate(self) -> float:
        """Of the matrices (Muon)."""


def optimisers(codec: SinusoidalCodec, config: Rates) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, which halves the steps to a given error, and AdamW for everything else."""
    matrices = [module.weight for module in codec.modules() if isinstance(module, torch.nn.Linear)]
    known = {id(matrix) for matrix in matrices}
    others = [parameter for parameter in codec.parameters() if id(parameter) not in known]
    return [
        torch.optim.Muon(matrices, lr=config.matrix_learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.8, 0.99), weight_decay=0.01),
    ]


def cosine(step: int, steps: int) -> float:
    """Warm-up over the first 5 %, then half a cosine to zero."""
    warm = max(1, round(0.05 * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, steps - warm))))
