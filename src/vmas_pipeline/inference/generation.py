"""Sampling of audio codes, step by step (MusicGen's procedure; one code path for every way of sampling)."""

# B batch, K codebooks, S steps in the delay pattern, R rows (clips, two or three times as many under guidance)

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from vmas_pipeline.inference.sampling import SamplingConfig
from vmas_pipeline.inference.step_decoder import StepDecoder, TensorStepDecoder
from vmas_pipeline.model.conditions import Context
from vmas_pipeline.model.music_decoder import MusicDecoder, PreparedContext
from vmas_pipeline.model.pattern import delay, undelay

if TYPE_CHECKING:
    from vmas_pipeline.inference.cpu import PackedDecoder

Progress = Callable[[int, int], None]
"""Called with the steps done and the total number of steps."""


@torch.inference_mode()
def generate(
    decoder: MusicDecoder,
    context: Context | Tensor,
    *,
    frames: int,
    sampling: SamplingConfig,
    seeds: Sequence[int],
    without_curves: Context | None = None,
    prompt: Tensor | None = None,
    int8: "PackedDecoder | None" = None,
    progress: Progress | None = None,
) -> Tensor:
    """Continue a prompt, or start from scratch, under a context.

    Args:
        decoder: the music decoder, in evaluation mode.
        context: of B clips; a bare features tensor [B, C, context_width] counts as all given.
        frames: total number of token frames, including the prompt's.
        sampling: how codes are sampled. Guidance other than 1 runs every step with and without the conditions, as one
            batch: logits are `without + guidance * (with - without)`.
        seeds: one per clip, making its codes independent of its batch.
        without_curves: the same clips without their curves, for a `curve_guidance` of its own: logits are
            `without + guidance * (without_curves - without) + curve_guidance * (with - without_curves)`.
        prompt: int64 [B, K, P], the first frames; they are returned unchanged.
        int8: 8-bit weights (`cpu.pack`) to use instead of the decoder's own, on a CPU.
        progress: called after each step.

    Returns:
        int64 [B, K, frames].

    Raises:
        ValueError: fewer than one frame, a prompt that leaves nothing to generate, a number of seeds other than the
            number of clips, a context that is empty or non-finite, or as for `guidance_chain`.
    """
    context = Context.of(context)
    given = 0 if prompt is None else prompt.shape[2]
    _check(context, frames, given, seeds)
    contexts, scales = guidance_chain(context, without_curves, sampling)
    steps = _canvas(decoder, len(seeds), frames, prompt, context.features.device)  # [B, K, S], -1 if not yet generated
    total = steps.shape[2]
    uniform = _uniform(seeds, decoder.codebooks, total).to(steps.device)
    read = functional.pad(steps, (1, -1), value=decoder.special)  # what each step reads: the previous one's codes
    stepper = step_decoder(decoder, decoder.prepare(Context.stacked(*contexts), total), total, int8)
    for step in range(given, total):
        begins = step == given
        inputs = read[:, :, : step + 1] if begins else read[:, :, step]
        inputs = torch.cat([inputs] * len(contexts))
        rows = stepper.begin(inputs) if begins else stepper.step(inputs)
        drawn = sampling.draw(guided(rows.chunk(len(contexts)), scales), uniform[:, :, step])
        steps[:, :, step] = torch.where(steps[:, :, step] == -1, drawn, steps[:, :, step])
        if step + 1 < total:
            read[:, :, step + 1] = steps[:, :, step]
        if progress is not None:
            progress(step + 1 - given, total - given)
    return undelay(steps)


def guidance_chain(
    context: Context, without_curves: Context | None, sampling: SamplingConfig
) -> tuple[list[Context], list[float]]:
    """The contexts of each step's passes, from the least conditions to all of them, and the scale of each addition.

    Raises:
        ValueError: a curve_guidance of its own, and no context without the curves.
    """
    added = [(sampling.guidance, context)]
    if sampling.separates_curves:
        if without_curves is None or sampling.curve_guidance is None:
            raise ValueError(f"curve_guidance ({sampling.curve_guidance}) needs the clips without their curves")
        added = [(sampling.guidance, without_curves), (sampling.curve_guidance, context)]
    first = context.absent()
    if added[0][0] == 1.0:  # nothing is taken away from the first addition: it stands alone
        first = added.pop(0)[1]
    return [first, *(context for _, context in added)], [scale for scale, _ in added]


def guided(passes: Sequence[Tensor], scales: Sequence[float]) -> Tensor:
    """Logits [B, K, card] of the first pass, plus each further pass's difference from the one before it, scaled."""
    logits = passes[0]
    for before, after, scale in zip(passes, passes[1:], scales, strict=False):
        logits = logits + scale * (after - before)
    return logits


def step_decoder(
    decoder: MusicDecoder, context: PreparedContext, steps: int, int8: "PackedDecoder | None" = None
) -> StepDecoder:
    """The step decoder for the weights' device and type.

    Args:
        decoder: in evaluation mode.
        context: R contexts from `MusicDecoder.prepare`, for at least S steps.
        steps: maximum number of steps in the delay pattern, S.
        int8: weights to use instead of the decoder's own.
    """
    weight = decoder.norm.weight
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and find_spec("numba"):
        from vmas_pipeline.inference.cpu import CompiledStepDecoder  # numba's kernels take a second to load

        return CompiledStepDecoder(decoder, context, steps, int8)
    return TensorStepDecoder(decoder, context, steps)


def _check(context: Context, frames: int, given: int, seeds: Sequence[int]) -> None:
    features = context.features
    if features.dim() != 3 or not features.numel():
        raise ValueError(f"context {list(features.shape)} must have the shape [batch, steps, width], none of them zero")
    if not features.isfinite().all():
        raise ValueError("context has non-finite values: so have the video or the encoder's weights")
    if frames <= given:
        raise ValueError(f"frames ({frames}) must exceed those of the prompt ({given})")
    if len(seeds) != len(features):
        raise ValueError(f"seeds ({len(seeds)}) must be one for each clip ({len(features)})")


def _canvas(decoder: MusicDecoder, batch: int, frames: int, prompt: Tensor | None, device: torch.device) -> Tensor:
    """The steps to fill: the prompt's codes, -1 for those to generate, the special code where the pattern has none."""
    codes = torch.full((batch, decoder.codebooks, frames), -1, dtype=torch.int64, device=device)
    if prompt is not None:
        decoder.check_codes(prompt)
        codes[:, :, : prompt.shape[2]] = prompt
    return delay(codes, decoder.special)


def _uniform(seeds: Sequence[int], codebooks: int, steps: int) -> Tensor:
    """Random numbers [B, K, S], each row from its own generator."""
    return torch.stack([torch.rand(codebooks, steps, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
