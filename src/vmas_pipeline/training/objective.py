"""The training objective: losses of a batch, and the figures by which a run is watched."""

# B batch, K codebooks, T token frames, V codes of a codebook

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import adaptive_avg_pool1d

from vmas_pipeline.model.losses import (
    beat_weighted_cross_entropy,
    code_losses,
    contrastive_loss,
    stepwise_contrastive_loss,
)
from vmas_pipeline.model.vmas import VMAs, VMAsOutput
from vmas_pipeline.training.config import ObjectiveConfig
from vmas_pipeline.training.data import Batch


@dataclass
class Losses:
    """The losses of one batch, scalars."""

    total: Tensor
    autoregressive: Tensor  # L_ar, eq. 4
    contrastive: Tensor  # L_con, eq. 2
    codebook_0: Tensor  # plain cross-entropy of the first codebook, nats
    beat_frames: Tensor  # the same on the frames of full weight alone


def batch_losses(output: VMAsOutput, batch: Batch, config: ObjectiveConfig) -> Losses:
    """L = L_ar + lambda L_con, negatives gathered over the ranks.

    Args:
        output: of `VMAs.forward`.
        batch: what it was computed from.
        config: the terms and their weights.
    """
    weights = batch.beat_weights if config.beat_weighting else torch.ones_like(batch.beat_weights)
    autoregressive = beat_weighted_cross_entropy(output.logits, batch.codes, weights, config.codebook_weights)
    contrastive = _contrast(output, config.contrastive_shifts)
    first, beats = watched_losses(output.logits.detach(), batch)
    return Losses(
        total=autoregressive + config.contrastive_weight * contrastive,
        autoregressive=autoregressive,
        contrastive=contrastive,
        codebook_0=first,
        beat_frames=beats,
    )


def _contrast(output: VMAsOutput, shifts: Sequence[int]) -> Tensor:
    """Eq. 2 on means over time; with shifts, step by step at the times of the video features."""
    if not shifts:
        return contrastive_loss(gather(output.video), gather(output.music), output.temperature)
    steps = output.video_steps.shape[1]
    music = adaptive_avg_pool1d(output.music_steps.transpose(1, 2), steps).transpose(1, 2)  # [B, C, P]
    return stepwise_contrastive_loss(gather(output.video_steps), gather(music), output.temperature, shifts)


def watched_losses(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Plain cross-entropy of codebook 0, over all frames and over those of full beat weight.

    The mean over all codebooks hides whether the video is used: the residual codebooks are mostly noise.
    """
    first = code_losses(logits[:, :1], batch.codes[:, :1])[:, 0]  # [B, T]
    beats = batch.beat_weights >= 1
    return first.mean(), first[beats].mean() if beats.any() else first.mean()


@torch.inference_mode()
def validation_figures(model: VMAs, batches: list[Batch]) -> dict[str, float]:
    """Losses on held-out clips with their own video, with another clip's, and the difference.

    Args:
        model: in evaluation mode.
        batches: of two clips or more each.

    Returns:
        Nats: codebook_0, beat_frames; the same with shuffled videos; gap = shuffled - own of beat_frames, which is zero
        for a model that does not look.
    """
    own, shuffled = [], []
    for batch in batches:
        features = model.encode_video(batch.video())
        own.append(watched_losses(model.music_decoder(batch.codes, features), batch))
        shuffled.append(watched_losses(model.music_decoder(batch.codes, features.roll(1, 0)), batch))
    first, beats = (float(torch.stack(values).mean()) for values in zip(*own, strict=True))
    first_shuffled, beats_shuffled = (float(torch.stack(values).mean()) for values in zip(*shuffled, strict=True))
    return {
        "codebook_0": first,
        "beat_frames": beats,
        "codebook_0_shuffled": first_shuffled,
        "beat_frames_shuffled": beats_shuffled,
        "gap": first_shuffled - first,
        "beat_gap": beats_shuffled - beats,
    }


def gather(features: Tensor) -> Tensor:
    """Features of all ranks, [B, ...] -> [ranks * B, ...]; gradients flow back to the rank they came from."""
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        return torch.cat(all_gather(features))
    return features
