"""Krippendorff's alpha: how far raters agree, beyond chance."""

# U units, C categories

import numpy as np


def krippendorff_alpha(counts: np.ndarray, difference: np.ndarray) -> float:
    """Agreement of any number of raters, of whom each rates some of the units.

    Args:
        counts: how many raters put each unit into each category, [U, C]; units with fewer than two do not count.
        difference: squared difference of two categories, [C, C]; 1 off the diagonal for names, (c - k)² for numbers.

    Returns:
        1 if all agree, 0 at chance, below 0 if they agree less; nan where nothing can be said: no two ratings of one
        unit, or no two categories.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
    """
    counts = counts[counts.sum(axis=1) >= 2].astype(float)
    sizes = counts.sum(axis=1, keepdims=True)
    pairs = counts[:, :, None] * counts[:, None, :]  # [U, C, C]
    pairs -= counts[:, :, None] * np.eye(counts.shape[1])  # nobody is paired with themselves
    coincidences = (pairs / (sizes[:, :, None] - 1)).sum(axis=0)
    totals = coincidences.sum(axis=1)
    observed = (coincidences * difference).sum()
    expected = (np.outer(totals, totals) * difference).sum() / max(totals.sum() - 1, 1)
    return float(1 - observed / expected) if expected else float("nan")


def preference_agreement(counts: np.ndarray) -> float:
    """Alpha of preferences: "cannot tell" lies halfway between the two systems.

    Which system is called first is arbitrary, so each pair counts in both directions. If all prefer one system
    everywhere, they agree fully; without that, alpha would call it chance.

    Args:
        counts: answers (first, neither, second) of each pair, [U, 3].
    """
    scale = np.array([-1.0, 0.0, 1.0])
    both = np.concatenate([counts, counts[:, ::-1]])
    return krippendorff_alpha(both, (scale[:, None] - scale) ** 2)
