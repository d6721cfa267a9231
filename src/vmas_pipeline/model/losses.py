"""The two objectives of section 4.4: beat-weighted cross-entropy (eq. 4) and video-music contrast (eq. 2)."""

# B batch, K codebooks, T frames, V codes of a codebook (card), D width

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def beat_weighted_cross_entropy(
    logits: Tensor, codes: Tensor, weights: Tensor, codebook_weights: Sequence[float] | None = None
) -> Tensor:
    """Cross-entropy of the codes, each frame weighted by its beat weight (eq. 4).

    A weight belongs to a frame, not to a step of the delay pattern. Weights of one give plain cross-entropy.

    Args:
        logits: [B, K, T, V].
        codes: int64 [B, K, T].
        weights: [B, T], from `features.beats.beat_weights`.
        codebook_weights: relative weight of each codebook; None weighs them alike, as the paper does.

    Returns:
        Scalar, the mean over batch, codebooks and frames.

    Raises:
        ValueError: shapes do not fit each other.
    """
    return (code_losses(logits, codes) * weights[:, None] * _shares(logits, codebook_weights)).mean()


def code_losses(logits: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy of every single code in nats: logits [B, K, T, V], codes [B, K, T] -> [B, K, T]."""
    if logits.shape[:3] != codes.shape:
        raise ValueError(f"logits {list(logits.shape)} must have the shape of codes {list(codes.shape)}, and card")
    flat = functional.cross_entropy(logits.flatten(0, 2).float(), codes.flatten(), reduction="none")
    return flat.view(codes.shape)


def music_features(logits: Tensor, code_vectors: Tensor) -> Tensor:
    """What the decoder predicts, as a point in the codec's space (section 4.4): differentiable in the logits.

    Args:
        logits: [B, K, T, V].
        code_vectors: [K, V, D], the codec's entries.

    Returns:
        [B, D]: expected code vectors under the logits, summed over codebooks, averaged over time.
    """
    expected = torch.einsum("bktv,kvd->bd", logits.float().softmax(-1), code_vectors.float())
    return expected / logits.shape[2]


def contrastive_loss(video: Tensor, music: Tensor, temperature: Tensor | float) -> Tensor:
    """Symmetric InfoNCE on cosine similarity (eq. 2): row i of both belongs together, all other rows do not.

    Args:
        video, music: [B, D].
        temperature: positive; similarities are divided by it.

    Returns:
        Scalar; log B where the features say nothing.

    Raises:
        ValueError: the two differ in shape.
    """
    if video.shape != music.shape:
        raise ValueError(f"video {list(video.shape)} and music {list(music.shape)} must have the same shape")
    similarity = functional.normalize(video, dim=-1) @ functional.normalize(music, dim=-1).T / temperature
    pairs = torch.arange(len(video), device=video.device)
    return (functional.cross_entropy(similarity, pairs) + functional.cross_entropy(similarity.T, pairs)) / 2


def _shares(logits: Tensor, codebook_weights: Sequence[float] | None) -> Tensor:
    """Codebook weights with mean one, [K, 1]."""
    codebooks = logits.shape[1]
    weights = torch.tensor(codebook_weights or [1.0] * codebooks, device=logits.device)
    if len(weights) != codebooks:
        raise ValueError(f"codebook_weights {codebook_weights} must have {codebooks} entries, one a codebook")
    return (weights / weights.mean())[:, None]
