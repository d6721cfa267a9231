"""Estimates the cost of a training run before it starts: the model is built on the meta device, no data is read."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.optimisation import make_ready
from vmas_pipeline.training.state import trained

STATES = {"adamw": 2, "muon": 2, "dadapt_adam": 3, "prodigy": 4}
"""Float32 values per weight that the optimiser keeps in addition to the weight itself."""
GIGA = 1e9
H100_FLOP_A_SECOND = 0.4 * 989e12
"""Of one GPU: 40 % of its nominal dense bf16 rate."""


@dataclass(frozen=True)
class Plan:
    """Sizes and costs of a training run."""

    parameters: dict[str, int]
    """Number for the video encoder, the music decoder and the heads."""
    memory: dict[int, float]
    """Bytes per rank of weights, gradients and optimiser states under each ZeRO stage, without activations."""
    clip_flop: float
    """Floating-point operations per clip, forward and backward, the latter counted as twice the former."""
    clips_a_step: int
    activations: float
    """Bytes per rank that the forward pass keeps for the backward pass."""

    def needed(self, config: TrainConfig) -> float:
        """Bytes on rank 0's device, which also stores the moving average."""
        average = 4 * sum(self.parameters.values())
        return self.memory[config.engine.zero_stage] + self.activations + average

    def check(self, config: TrainConfig, available: float) -> None:
        """Raise if the run does not fit.

        Args:
            config: the training settings.
            available: bytes on a rank's device.

        Raises:
            ValueError: it needs more; the message suggests settings that need less.
        """
        needed = self.needed(config)
        if needed > available:
            raise ValueError(
                f"this training needs about {needed / GIGA:.1f} GB on rank 0's device, which has "
                f"{available / GIGA:.1f}: {self.memory[config.engine.zero_stage] / GIGA:.1f} for weights, gradients "
                f"and states, {self.activations / GIGA:.1f} for activations, the rest for the moving average. Of "
                "train.engine, lower micro_batch (and raise accumulation), set activation_checkpointing to encoder or "
                "all, raise zero_stage, set offload, or add ranks"
            )

    def lines(self, config: TrainConfig) -> list[str]:
        """The plan in readable form."""
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
            f"{stages}; chosen is stage {config.engine.zero_stage}",
            f"GB a rank for the activations of {config.engine.micro_batch} clips, activation checkpointing of "
            f"{config.engine.activation_checkpointing}: {self.activations / GIGA:.1f}; with the moving average rank 0 "
            f"needs {self.needed(config) / GIGA:.1f} in all",
            f"time at 40 % of an H100's bf16 rate: {hours:.1f} h (estimated, not measured)",
        ]


def plan(config: TrainConfig) -> Plan:
    """Estimate a training run.

    Raises:
        ValueError: a model that cannot be built.
    """
    sizes = config.model.build()
    with torch.device("meta"):
        model = VMAs(sizes)
        make_ready(model, config)
    parts = {"video encoder": model.video_encoder, "music decoder": model.music_decoder}
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    total = sum(p.numel() for p in model.parameters())
    parameters["heads"] = total - sum(parameters.values())
    stepped = sum(p.numel() for _, p in trained(model))
    engine = config.engine
    return Plan(
        parameters=parameters,
        memory={stage: _bytes(config, stage, total, stepped) for stage in (0, 1, 2, 3)},
        clip_flop=clip_flop(sizes),
        clips_a_step=engine.clips_a_step,
        activations=engine.micro_batch * kept_activations(config),
    )


def device_bytes(config: TrainConfig) -> float | None:
    """Memory of a rank's device, if known."""
    if config.engine.memory_gb:
        return config.engine.memory_gb * GIGA
    return float(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else None


def kept_activations(config: TrainConfig) -> float:
    """Bytes that one clip's forward pass keeps for the backward pass, measured with fake tensors."""
    sizes, dtype = config.model.build(), config.engine.dtype
    kept: dict[int, tuple[torch.UntypedStorage, int]] = {}  # keeps the storage alive: its id must not be reused

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept.setdefault(storage._cdata, (storage, storage.nbytes()))
        return tensor

    with torch.device("meta"):
        model = VMAs(sizes)
        make_ready(model, config)
    model.music_decoder.check_codes = lambda codes: None  # type: ignore[method-assign]  # fake tensors have no values
    with FakeTensorMode():
        weights = {
            name: torch.empty(p.shape, dtype=dtype, requires_grad=p.requires_grad)
            for name, p in model.named_parameters()
        }
        buffers = {name: torch.empty(value.shape, dtype=dtype) for name, value in model.named_buffers()}
        conditions, codes = _one_clip(sizes)
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            functional_call(model, weights | buffers, (conditions, codes))
    own = {value.untyped_storage()._cdata for value in weights.values()}
    return float(sum(size for number, (_, size) in kept.items() if number not in own))


def clip_flop(sizes: VMAsConfig) -> float:
    """Floating-point operations for one clip, forward and backward."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        VMAs(sizes)(*_one_clip(sizes))
    return 3.0 * counter.get_total_flops()


def _one_clip(sizes: VMAsConfig) -> tuple[Conditions, Tensor]:
    """Placeholder conditions and codes."""
    size = sizes.video.frame_size
    frames = torch.empty(1, sizes.frames_per_clip, size, size, 3, dtype=torch.uint8)
    curves = {name: torch.empty(1, sizes.frames_per_clip, count) for name, count in sizes.curves.items()}
    codes = torch.zeros(1, sizes.decoder.codebooks, sizes.tokens_per_clip, dtype=torch.int64)
    return Conditions.of_video(frames, curves), codes


def _bytes(config: TrainConfig, stage: int, total: int, stepped: int) -> float:
    """Bytes per rank: weights and gradients in the pass's precision, master weights and states in float32, each sharded
    or not; only trained weights have gradients and states."""
    ranks = config.engine.ranks
    width = 2 if config.engine.precision == "bf16" else 4
    master = 4 if config.engine.precision == "bf16" or stage else 0
    states = (4 * STATES[config.optimiser.name] + master) / (ranks if stage >= 1 else 1)
    gradients = width / (ranks if stage >= 2 else 1)
    own = width * total / (ranks if stage >= 3 else 1)
    return own + stepped * (gradients + (0 if config.engine.offload else states))
