"""The interface of a file of curves."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curves:
    """E curves over a clip's F frames."""

    count: int
    """E."""
    draw: Callable[[np.ndarray, float], np.ndarray]
    """From frames uint8 [F, H, W, 3] and frames per second to float32 [F, E]."""
    exact: bool = False
    """Marks moments, which training leaves as they are (`train.objective.curve_roughness`)."""
