"""Sampling of audio codes, step by step (MusicGen's procedure; one code path for every way of sampling)."""

# B batch, K codebooks, S steps in the delay pattern

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from vmas_pipeline.model.decoding import step_decoder
from vmas_pipeline.model.pattern import delay, undelay

if TYPE_CHECKING:
    from vmas_pipeline.model.music_decoder import MusicDecoder

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all."""


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """How a code is drawn from its logits."""

    top_k: int = 250
    """Draw from the k likeliest; 1 is greedy, 0 means all."""
    top_p: float = 0.0
    """Draw from the likeliest that together reach this probability; 0 means all."""
    temperature: float = 1.0
    """Logits are divided by it; 0 is greedy."""

    def __post_init__(self) -> None:
        if self.top_k < 0:
            raise ValueError(f"top_k ({self.top_k}) must not be negative: 1 is greedy, 0 draws from all codes")
        if not 0 <= self.top_p <= 1:
            raise ValueError(f"top_p ({self.top_p}) must lie in 0 .. 1: 0 draws from all codes")
        if self.temperature < 0:
            raise ValueError(f"temperature ({self.temperature}) must not be negative: 0 is greedy")

    def draw(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Draw one code for each row.

        Args:
            logits: [..., card].
            uniform: [...] in [0, 1), the random numbers: equal ones give equal codes, whatever the batch.

        Returns:
            int64 [...].
        """
        if self.top_k == 1 or self.temperature == 0:
            return logits.argmax(-1)
        kept = min(self.top_k or logits.shape[-1], logits.shape[-1])
        logits, codes = (logits.float() / self.temperature).topk(kept, dim=-1)
        cumulative = logits.softmax(-1).cumsum(-1)
        reach = cumulative[..., -1:]
        if self.top_p:
            first_beyond = (cumulative < self.top_p).sum(-1, keepdim=True).clamp(max=kept - 1)
            reach = cumulative.gather(-1, first_beyond)
        chosen = torch.searchsorted(cumulative, uniform[..., None] * reach, right=True).clamp(max=kept - 1)
        return codes.gather(-1, chosen).squeeze(-1)


@torch.inference_mode()
def generate(
    decoder: "MusicDecoder",
    context: Tensor,
    *,
    frames: int,
    sampler: Sampler,
    prompt: Tensor | None = None,
    guidance: float = 1.0,
    guidance_passes: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tensor:
    """Continue a prompt, or start from nothing, under a context.

    Args:
        decoder: the music decoder.
        context: [B, C, context_width].
        frames: token frames in all, those of the prompt included.
        sampler: how codes are drawn.
        prompt: int64 [B, K, P], the first frames; they come back unchanged.
        guidance: classifier-free guidance: logits are `none + guidance * (video - none)`; 1 needs no second half.
        guidance_passes: 1 runs both halves as one batch, which reads the weights once a step; 2 runs one after the
            other, with half the rows at a time.
        seed: row i of the batch draws from seed + i, so that a clip's codes do not depend on its batch.
        progress: called after each step.

    Returns:
        int64 [B, K, frames].

    Raises:
        ValueError: fewer frames than one, a prompt that leaves nothing to generate, or a context that is empty or has
            values that are no numbers.
    """
    if context.dim() != 3 or not context.numel():
        raise ValueError(f"context {list(context.shape)} must have the shape [batch, steps, width], none of them zero")
    if not context.isfinite().all():
        raise ValueError("context has values that are NaN or infinite: so have the video or the encoder's weights")
    given = 0 if prompt is None else prompt.shape[2]
    if frames <= given:
        raise ValueError(f"frames ({frames}) must exceed those of the prompt ({given})")
    batch, codebooks = context.shape[0], decoder.codebooks
    if guidance_passes not in (1, 2):
        raise ValueError(f"guidance_passes ({guidance_passes}) must be 1 or 2")
    halves = [context] if guidance == 1.0 else [context, torch.zeros_like(context)]
    batches = [torch.cat(halves)] if guidance_passes == 1 else halves
    steps = _canvas(decoder, batch, frames, prompt, context.device)  # [B, K, S], -1 where a code is still to come
    total = steps.shape[2]
    uniform = _uniform(seed, batch, codebooks, total).to(context.device)
    read = functional.pad(steps, (1, -1), value=decoder.special)  # what each step reads: the codes of the one before
    steppers = [step_decoder(decoder, decoder.prepare(rows, total), total) for rows in batches]
    for step in range(given, total):
        begins = step == given
        inputs = read[:, :, : step + 1] if begins else read[:, :, step]
        inputs = torch.cat([inputs] * (len(halves) // len(batches)))
        logits = torch.cat([stepper.begin(inputs) if begins else stepper.step(inputs) for stepper in steppers])
        if guidance != 1.0:
            with_video, without = logits.chunk(2)
            logits = without + guidance * (with_video - without)  # [B, K, card]
        drawn = sampler.draw(logits, uniform[:, :, step])
        steps[:, :, step] = torch.where(steps[:, :, step] == -1, drawn, steps[:, :, step])
        if step + 1 < total:
            read[:, :, step + 1] = steps[:, :, step]
        if progress is not None:
            progress(step + 1 - given, total - given)
    return undelay(steps)


def _canvas(decoder: "MusicDecoder", batch: int, frames: int, prompt: Tensor | None, device: torch.device) -> Tensor:
    """The steps to fill: the prompt's codes, -1 for those to come, the special code where the pattern has none."""
    codes = torch.full((batch, decoder.codebooks, frames), -1, dtype=torch.int64, device=device)
    if prompt is not None:
        decoder.check_codes(prompt)
        codes[:, :, : prompt.shape[2]] = prompt
    return delay(codes, decoder.special)


def _uniform(seed: int, batch: int, codebooks: int, steps: int) -> Tensor:
    """Random numbers [B, K, S], each row from a generator of its own."""
    rows = [torch.rand(codebooks, steps, generator=torch.Generator().manual_seed(seed + row)) for row in range(batch)]
    return torch.stack(rows)
