"""The two objectives of section 4.4: beat-weighted cross-entropy (eq. 4) and video-music contrast (eq. 2).

One further option: a contrastive loss that is sensitive to timing.
"""

# B batch, K codebooks, T frames, V codes of a codebook (card), C steps of the video features, D width

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def beat_weighted_cross_entropy(
    logits: Tensor,
    codes: Tensor,
    weights: Tensor,
    codebook_weights: Sequence[float] | None = None,
    normalise: bool = False,
) -> Tensor:
    """Cross-entropy of the codes, each frame weighted by its beat weight (eq. 4).

    A weight belongs to a frame, not to a step of the delay pattern. Weights of one give plain cross-entropy.

    Args:
        logits: [B, K, T, V].
        codes: int64 [B, K, T].
        weights: [B, T], from `features.beats.beat_weights`.
        codebook_weights: relative weight of each codebook; None weights them equally, as the paper does.
        normalise: divide by the weights' mean, which keeps the loss an average; the paper does not.

    Returns:
        Scalar, the mean over batch, codebooks and frames.

    Raises:
        ValueError: the shapes do not match.
    """
    return weighted_mean(code_losses(logits, codes), weights, codebook_weights, normalise)


def weighted_mean(
    losses: Tensor, weights: Tensor, codebook_weights: Sequence[float] | None = None, normalise: bool = False
) -> Tensor:
    """Weighted mean of single codes' losses [B, K, T] by frame weights [B, T] and codebook weights, as a scalar; with
    `normalise`, divided by the mean of the frame weights."""
    mean = (losses * weights[:, None] * _shares(losses, codebook_weights)).mean()
    return mean / weights.mean() if normalise else mean


def code_losses(logits: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy of each code in nats: logits [B, K, T, V], codes [B, K, T] -> [B, K, T]."""
    if logits.shape[:3] != codes.shape:
        raise ValueError(f"logits {list(logits.shape)} must have the shape of codes {list(codes.shape)}, and card")
    flat = functional.cross_entropy(_at_least_float32(logits.flatten(0, 2)), codes.flatten(), reduction="none")
    return flat.view(codes.shape)


def music_features(logits: Tensor, code_vectors: Tensor) -> Tensor:
    """The decoder's prediction as points in the codec's space (section 4.4): differentiable in the logits.

    Args:
        logits: [B, K, T, V].
        code_vectors: [K, V, D], the codec's entries.

    Returns:
        [B, T, D]: for each frame, expected code vectors under the logits, summed over codebooks.
    """
    probabilities = _at_least_float32(logits).softmax(-1)
    return torch.einsum("bktv,kvd->btd", probabilities, code_vectors.to(probabilities.dtype))


def contrastive_loss(video: Tensor, music: Tensor, temperature: Tensor | float) -> Tensor:
    """Symmetric InfoNCE on cosine similarity (eq. 2): rows i of both form a positive pair, all others are negatives.

    Args:
        video, music: [B, D].
        temperature: positive; similarities are divided by it.

    Returns:
        Scalar; log B for uninformative features.

    Raises:
        ValueError: the two differ in shape.
    """
    if video.shape != music.shape:
        raise ValueError(f"video {list(video.shape)} and music {list(music.shape)} must have the same shape")
    similarity = functional.normalize(video, dim=-1) @ functional.normalize(music, dim=-1).T / temperature
    pairs = torch.arange(len(video), device=video.device)
    return (functional.cross_entropy(similarity, pairs) + functional.cross_entropy(similarity.T, pairs)) / 2


def stepwise_contrastive_loss(
    video: Tensor, music: Tensor, temperature: Tensor | float, shifts: Sequence[int]
) -> Tensor:
    """InfoNCE on stepwise cosine similarity, where a pair shifted in time is a negative too (as in MuVi).

    The features of eq. 2 are means over time and cannot show whether picture and music change together. Here the
    similarity of two clips is the mean over their steps, and the clip's own partner, rolled by each of the shifts, is
    among its negatives.

    Args:
        video, music: [B, C, D], C steps at the same times.
        temperature: positive; similarities are divided by it.
        shifts: steps, each between 1 and C - 1.

    Returns:
        Scalar; log(B + number of shifts) for uninformative features.

    Raises:
        ValueError: the two differ in shape, or a shift is out of range.
    """
    if video.shape != music.shape:
        raise ValueError(f"video {list(video.shape)} and music {list(music.shape)} must have the same shape")
    steps = video.shape[1]
    if wrong := [shift for shift in shifts if not 0 < shift < steps]:
        raise ValueError(f"shifts {wrong} must lie between 1 and {steps - 1}: there are {steps} steps")
    video, music = functional.normalize(video, dim=-1), functional.normalize(music, dim=-1)
    similarity = torch.einsum("icd,jcd->ij", video, music) / steps
    pairs = torch.arange(len(video), device=video.device)
    losses = []
    for rows, one, other in ((similarity, video, music), (similarity.T, music, video)):
        moved = [(one * other.roll(shift, 1)).sum(-1).mean(1, keepdim=True) for shift in shifts]  # [B, 1] each
        losses.append(functional.cross_entropy(torch.cat([rows, *moved], dim=1) / temperature, pairs))
    return (losses[0] + losses[1]) / 2


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _shares(losses: Tensor, codebook_weights: Sequence[float] | None) -> Tensor:
    """Codebook weights with mean one, [K, 1]."""
    codebooks = losses.shape[1]
    weights = torch.tensor(codebook_weights or [1.0] * codebooks, device=losses.device)
    if len(weights) != codebooks:
        raise ValueError(f"codebook_weights {codebook_weights} must have {codebooks} entries, one a codebook")
    return (weights / weights.mean())[:, None]
