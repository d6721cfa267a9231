"""Bradley-Terry strengths: one scale for more than two systems.

Chosen over a test for each pair, because with several systems the question is an order, and every pair informs it.
"""

# B resamples, S systems

import numpy as np

STEPS = 500
PRIOR = 0.5
"""Wins added for both sides of every pair compared: strengths stay finite where a system lost every time."""


def bradley_terry(wins: np.ndarray, prior: float = PRIOR) -> np.ndarray:
    """Log-strengths, the first system's 0: system i is preferred to j with odds exp(s_i - s_j).

    Args:
        wins: wins[i, j] is how often i was preferred to j; "cannot tell" is half for both. [..., S, S]
        prior: wins added for both sides of every pair compared.

    Returns:
        [..., S], by the minorisation of Hunter (MM algorithms for generalized Bradley-Terry models, 2004).
    """
    met = (wins + wins.swapaxes(-1, -2)).reshape(-1, *wins.shape[-2:]).sum(axis=0) > 0
    wins = wins + prior * met
    games, won = wins + wins.swapaxes(-1, -2), wins.sum(axis=-1)
    strengths = np.ones_like(won)
    for _ in range(STEPS):
        before = strengths
        strengths = won / (games / (strengths[..., :, None] + strengths[..., None, :])).sum(axis=-1)
        strengths /= strengths[..., :1]
        if np.allclose(strengths, before, rtol=1e-7, atol=0):
            break
    return np.log(strengths)
