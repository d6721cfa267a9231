"""What a training would take, reckoned before it starts: the model is built on the meta device, nothing is read."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import TrainConfig

STATES = {"adamw": 2, "dadapt_adam": 3, "prodigy": 4}
"""Float32 numbers a weight that the optimiser keeps beside the weight itself."""
GIGA = 1e9
H100_FLOP_A_SECOND = 0.4 * 989e12
"""Of one GPU: 40 % of what is printed for dense bf16."""


@dataclass(frozen=True)
class Plan:
    """Sizes and costs of a training run."""

    parameters: dict[str, int]
    """Of the video encoder, the music decoder and the heads."""
    memory: dict[int, float]
    """Bytes a rank of weights, gradients and optimiser states under each ZeRO stage; activations come on top."""
    clip_flop: float
    """Floating-point operations of a clip, forward and backward, the latter taken as twice the former."""
    clips_a_step: int

    def lines(self, config: TrainConfig) -> list[str]:
        """The plan as a person reads it."""
        ranks = config.engine.ranks
        total, step = sum(self.parameters.values()), self.clip_flop * self.clips_a_step
        hours = config.steps * step / (ranks * H100_FLOP_A_SECOND) / 3600
        parts = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in self.parameters.items())
        stages = ", ".join(f"stage {stage} {size / GIGA:.1f}" for stage, size in self.memory.items())
        return [
            f"parameters: {total / 1e6:.1f} M ({parts})",
            f"a step: {self.clips_a_step} clips on {ranks} ranks, {step / 1e12:.3g} TFLOP; {config.steps} steps see "
            f"{self.clips_a_step * config.steps} clips",
            f"GB a rank for weights, gradients and {config.optimiser.name}'s states in {config.engine.precision}: "
            f"{stages}; chosen is stage {config.engine.zero_stage}. Rank 0 keeps {4 * total / GIGA:.1f} more "
            "for the moving average; activations come on top",
            f"time at 40 % of an H100's bf16 rate: {hours:.1f} h (reckoned, not measured)",
        ]


def plan(config: TrainConfig) -> Plan:
    """Reckon a training.

    Raises:
        ValueError: a model that cannot be built.
    """
    sizes = config.model.build()
    with torch.device("meta"):
        model = VMAs(sizes)
        frames = torch.empty(1, 3, sizes.frames_per_clip, sizes.video.frame_size, sizes.video.frame_size)
        codes = torch.zeros(1, sizes.decoder.codebooks, sizes.tokens_per_clip, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(frames, codes)
    parts = {"video encoder": model.video_encoder, "music decoder": model.music_decoder}
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    total = sum(p.numel() for p in model.parameters())
    parameters["heads"] = total - sum(parameters.values())
    engine = config.engine
    return Plan(
        parameters=parameters,
        memory={stage: total * _bytes_a_weight(config, stage) for stage in (0, 1, 2, 3)},
        clip_flop=3 * counter.get_total_flops(),
        clips_a_step=engine.clips_a_step,
    )


def _bytes_a_weight(config: TrainConfig, stage: int) -> float:
    """Weights and gradients in the precision of the pass, master weights and states in float32, each shared or not."""
    ranks = config.engine.ranks
    width = 2 if config.engine.precision == "bf16" else 4
    master = 4 if config.engine.precision == "bf16" or stage else 0
    states = (4 * STATES[config.optimiser.name] + master) / (ranks if stage >= 1 else 1)
    gradients = width / (ranks if stage >= 2 else 1)
    return states * (0 if config.engine.offload else 1) + gradients + width / (ranks if stage >= 3 else 1)
