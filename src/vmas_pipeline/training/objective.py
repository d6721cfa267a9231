"""The training objective: losses of a batch, and the metrics that monitor a run."""

# B batch, K codebooks, T token frames, V codes of a codebook

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import adaptive_avg_pool1d

from vmas_pipeline.model.losses import code_losses, contrastive_loss, stepwise_contrastive_loss, weighted_mean
from vmas_pipeline.model.vmas import VMAs, VMAsOutput
from vmas_pipeline.training.config import ObjectiveConfig
from vmas_pipeline.training.data import Batch


@dataclass
class Losses:
    """The losses of one batch, scalars except for the codebooks."""

    total: Tensor
    autoregressive: Tensor  # L_ar, eq. 4
    contrastive: Tensor  # L_con, eq. 2
    codebooks: Tensor  # [K], plain cross-entropy of each codebook, nats
    beat_frames: Tensor  # of the first codebook, on frames of full weight only

    def metrics(self) -> dict[str, float]:
        """Names and values."""
        values = {name: value.detach() for name, value in vars(self).items()}
        codebooks = values.pop("codebooks")
        named = {**values, **{f"codebook_{k}": loss for k, loss in enumerate(codebooks)}}
        return {name: float(value) for name, value in named.items()}


def batch_losses(output: VMAsOutput, batch: Batch, config: ObjectiveConfig) -> Losses:
    """L = L_ar + lambda L_con, negatives gathered over the ranks.

    Args:
        output: from `VMAs.forward`.
        batch: its input.
        config: the terms and their weights.
    """
    weights = batch.beat_weights if config.beat_weighting else torch.ones_like(batch.beat_weights)
    losses = code_losses(output.logits, batch.codes)  # [B, K, T]
    autoregressive = weighted_mean(losses, weights, config.codebook_weights, config.normalise_beat_weights)
    contrastive = _contrast(output, config.contrastive_shifts)
    codebooks, beats = monitored_losses(losses.detach(), batch)
    return Losses(
        total=autoregressive + config.contrastive_weight * contrastive,
        autoregressive=autoregressive,
        contrastive=contrastive,
        codebooks=codebooks,
        beat_frames=beats,
    )


def _contrast(output: VMAsOutput, shifts: Sequence[int]) -> Tensor:
    """Eq. 2 on means over time; with shifts, stepwise at the times of the video features."""
    if not shifts:
        return contrastive_loss(gather(output.video), gather(output.music), output.temperature)
    steps = output.video_steps.shape[1]
    music = adaptive_avg_pool1d(output.music_steps.transpose(1, 2), steps).transpose(1, 2)  # [B, C, P]
    return stepwise_contrastive_loss(gather(output.video_steps), gather(music), output.temperature, shifts)


def monitored_losses(losses: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Plain cross-entropy of each codebook, and of the first one on the frames of full beat weight.

    The mean over all codebooks hides whether the video is used: the residual codebooks are mostly noise.

    Args:
        losses: of every code, [B, K, T].
        batch: has the beat weights.

    Returns:
        [K], and a scalar.
    """
    beats = batch.beat_weights >= 1
    codebooks = losses.mean((0, 2))
    return codebooks, losses[:, 0][beats].mean() if beats.any() else codebooks[0]


@torch.inference_mode()
def validation_metrics(model: VMAs, batches: list[Batch]) -> dict[str, float]:
    """Losses on held-out clips with their own video, with another clip's, and the difference.

    Args:
        model: in evaluation mode.
        batches: of at least two clips each.

    Returns:
        Nats: codebook_0, codebook_1, ..., beat_frames; codebook_0 and beat_frames with shuffled videos; gap and
        beat_gap, which are shuffled - own of the two: zero for a model that ignores the video.
    """
    own: list[Tensor] = []
    shuffled: list[Tensor] = []
    for batch in batches:
        context = model.encode(batch.conditions)
        for found, seen in ((own, context), (shuffled, context.shuffled())):
            codebooks, beats = monitored_losses(code_losses(model.music_decoder(batch.codes, seen), batch.codes), batch)
            found.append(torch.cat([codebooks, beats[None]]))
    (*codebooks_own, beats_own), (*codebooks_shuffled, beats_shuffled) = (
        torch.stack(found).mean(0).tolist() for found in (own, shuffled)
    )
    return {
        **{f"codebook_{k}": loss for k, loss in enumerate(codebooks_own)},
        "beat_frames": beats_own,
        "codebook_0_shuffled": codebooks_shuffled[0],
        "beat_frames_shuffled": beats_shuffled,
        "gap": codebooks_shuffled[0] - codebooks_own[0],
        "beat_gap": beats_shuffled - beats_own,
    }


def gather(features: Tensor) -> Tensor:
    """Features of all ranks, [B, ...] -> [ranks * B, ...]; gradients flow back to the rank they came from."""
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        return torch.cat(all_gather(features))
    return features
