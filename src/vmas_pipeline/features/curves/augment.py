"""Roughens curves for training: those of synthetic videos are cleaner than any camera's."""

# F frames, E curves

import numpy as np

BENDS = (0.5, 1.6)
"""Range of the exponents applied to the heights."""


def roughen(curves: np.ndarray, amount: float, draw: np.random.Generator) -> np.ndarray:
    """Distort, blur and add a noise floor, identically for all curves of a clip except for the noise itself.

    Args:
        curves: float32 [F, E] in [0, 1].
        amount: maximum noise, as a fraction of full height.
        draw: source of all randomness.

    Returns:
        float32 [F, E] in [0, 1].
    """
    frames, count = curves.shape
    bent = curves ** draw.uniform(*BENDS)
    if draw.random() < 0.5:
        before, after = draw.uniform(0, 0.5, 2)
        padded = np.pad(bent, ((1, 1), (0, 0)))
        bent = before * padded[:-2] + padded[1:-1] + after * padded[2:]
    width = draw.integers(1, 5)
    noise = draw.normal(size=(frames + width - 1, count))
    noise = np.abs(sum(noise[i : i + frames] for i in range(width)))
    rough = bent + amount * draw.uniform() * draw.uniform(size=count) * noise / noise.max(axis=0)
    return (rough / np.maximum(rough.max(axis=0), 1)).astype(np.float32)
