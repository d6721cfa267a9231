"""Settings of a training run, from the section `train` of the parameters."""

from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.features.curves import curve_counts
from vmas_pipeline.inference import SamplingConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.config import SIZES, VMAsConfig, with_overrides
from vmas_pipeline.model_folder import model_config
from vmas_pipeline.tracking import flatten

if TYPE_CHECKING:
    import torch

    from vmas_pipeline.codec.interface import AudioCodec

_STRICT = ConfigDict(extra="forbid")

Part = Literal["video_encoder", "music_decoder", "heads"]
"""Parts of a model; the heads are those of the contrastive objective."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelConfig:
    """Which model is trained, and its initial weights."""

    size: str = "vmas_base"
    """A named size of model.config: vmas_base, vmas_paper, vmas_hiera or vmas_clip."""
    overrides: dict[str, Any] = field(default_factory=dict)
    """Options that differ from the named size, nested like VMAsConfig. Sizes set by clips and codec are derived."""
    curves: tuple[str, ...] = ()
    """Keys of `features.curves.CURVES`: curves that condition the model besides the frames (not in the paper)."""
    init_from: str | None = None
    """A trained model to start from, models:/vmas@champion or a model folder: its own sizes are used (`size` and
    `overrides` are ignored), and features must be made with its codec."""
    encoder_weights: Path | None = None
    """File of pretrained weights for the video encoder; null starts from random weights."""
    musicgen_weights: Path | None = None
    """File of pretrained weights for the music decoder; null starts from random weights."""

    def __post_init__(self) -> None:
        if self.init_from and (self.encoder_weights or self.musicgen_weights):
            raise ValueError(
                "train.model.init_from brings all weights: set encoder_weights and musicgen_weights to null"
            )

    def build(self) -> VMAsConfig:
        """The model's config with the overrides applied, or the config of the model to start from.

        Raises:
            ValueError: an unknown size or option, or the model to start from is missing; the message names it.
        """
        if self.init_from:
            return model_config(Path(self.init_from))
        if self.size not in SIZES:
            raise ValueError(f"train.model.size ({self.size}) is unknown: choose one of {', '.join(SIZES)}")
        sizes = replace(SIZES[self.size](), curves=curve_counts(self.curves))
        return with_overrides(sizes, self.overrides, "train.model.overrides")

    def fitted(self, clip: ClipSpec, codec: "AudioCodec") -> "ModelConfig":
        """This config for given clips and codec: sizes that they determine become overrides.

        Raises:
            ValueError: the model to start from, or an override, has another size; the message names it.
        """
        model = self.build()
        derived: dict[str, Any] = {
            "video": {
                "frames": clip.frames_per_clip // model.frame_stride,
                "frame_size": clip.frame_size // model.frame_shrink,
            },
            "decoder": {"codebooks": codec.codebooks, "card": codec.card},
            "frame_rate": clip.frame_rate,
            "token_rate": codec.frame_rate,
            "code_width": codec.code_vectors.shape[-1],
        }
        if clip.frames_per_clip % model.frame_stride:
            raise ValueError(
                f"clips have {clip.frames_per_clip} frames, no multiple of the model's frame_stride "
                f"({model.frame_stride}): set train.model.overrides.frame_stride or the clip's settings"
            )
        if clip.frame_size % model.frame_shrink:
            raise ValueError(
                f"clip.frame_size ({clip.frame_size}) is no multiple of the model's frame_shrink "
                f"({model.frame_shrink}): set train.model.overrides.frame_shrink or clip.frame_size"
            )
        stated = flatten(model.to_dict() if self.init_from else self.overrides)
        for name, theirs in flatten(derived).items():
            if (ours := stated.get(name, theirs)) != theirs:
                way = "take clips and codec of that model" if self.init_from else f"drop train.model.overrides.{name}"
                raise ValueError(f"the model's {name} is {ours}, but clips and codec have {theirs}: {way}")
        return self if self.init_from else replace(self, overrides=merged(self.overrides, derived))


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; changes take precedence.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AdapterConfig:
    """Low-rank adapters on the decoder's matrices; everything else is frozen."""

    rank: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    """The adapters' product is scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ObjectiveConfig:
    """The training objective: L = L_ar + lambda L_con (section 4.4)."""

    beat_weighting: bool = True
    """Weight the cross-entropy by the beat weights of the features (eq. 4); False weights all frames equally."""
    normalise_beat_weights: bool = False
    """Divide by the batch's mean beat weight, which keeps the contrastive term's share constant as the weights fall;
    False is eq. 4 as published."""
    contrastive_weight: float = Field(default=0.1, ge=0)
    """lambda; 0 disables the contrastive term."""
    contrastive_shifts: tuple[int, ...] = ()
    """Shifts, in video feature steps, of a clip's own partner that make further negatives (MuVi; not in the paper);
    empty compares means over time, as the paper does."""
    codebook_weights: tuple[float, ...] | None = None
    """Relative weight of each codebook's cross-entropy; None weights them equally, as the paper does."""
    condition_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of clips shown without any condition, for classifier-free guidance."""
    video_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Fraction of the others shown with curves only, to make the model rely on them for unfamiliar pictures."""
    curve_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Fraction of the others shown with the video only."""
    curve_roughness: float = Field(default=0.0, ge=0, le=1)
    """Maximum noise, blur and distortion of the curves; real videos are rougher than synthetic ones."""

    def __post_init__(self) -> None:
        if self.video_dropout + self.curve_dropout > 1:
            raise ValueError(
                f"train.objective.video_dropout ({self.video_dropout:g}) and curve_dropout ({self.curve_dropout:g}) "
                "hide one or the other: their sum must not be above 1"
            )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class OptimiserConfig:
    """AdamW under a cosine schedule (appendix B)."""

    name: Literal["adamw", "muon", "dadapt_adam", "prodigy"] = "adamw"
    """muon steps the matrices within encoder and decoder by Muon and the rest by AdamW (not in the paper). dadapt_adam
    is D-Adaptation, as in the paper; it and prodigy estimate the learning rate: set it to 1.0."""
    learning_rate: float = Field(default=1.5e-3, gt=0)
    """At the schedule's peak."""
    matrix_learning_rate: float = Field(default=3e-3, gt=0)
    """Of Muon's matrices, in AdamW's scale."""
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(default=0.1, ge=0)
    """For matrices only; norms, embeddings, biases and positions are not decayed."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Bound on the gradient's norm; 0 disables clipping."""
    warmup_steps: int = Field(default=40, ge=0)
    min_lr_ratio: float = Field(default=0.02, ge=0, le=1)
    """Final value of the cosine, as a fraction of its peak."""

    lr_multipliers: dict[Part, float] = field(default_factory=dict)
    """Learning rate of a part of the model, as a multiple of `learning_rate`: 0 freezes it, 0.1 suits a pretrained
    part; 1 by default."""

    def __post_init__(self) -> None:
        for part, rate in self.lr_multipliers.items():
            if rate < 0 or (self.adaptive and rate not in (0, 1)):
                why = (
                    "must not be negative"
                    if rate < 0
                    else f"must be 0 or 1: {self.name} finds one rate for all weights"
                )
                raise ValueError(f"train.optimiser.lr_multipliers.{part} ({rate:g}) {why}")

    @property
    def adaptive(self) -> bool:
        """Whether it estimates the learning rate itself, from sums over all weights."""
        return self.name in ("dadapt_adam", "prodigy")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class EngineConfig:
    """How the work is distributed; the DeepSpeed configuration is derived from it."""

    processes: int = Field(default=1, ge=1)
    """Ranks on each machine."""
    nodes: int = Field(default=1, ge=1)
    """Machines. With more than one, a scheduler starts the ranks: `kedro run --pipelines=train_plan` prints how."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of each rank."""
    zero_stage: Literal[0, 1, 2, 3] = 1
    """What ZeRO shards over the ranks: nothing, optimiser states, gradients too, weights too."""
    offload: bool = False
    """Keep the optimiser's states in the CPU's memory (stages 1 to 3)."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of forward and backward; the optimiser always steps float32 weights. bf16 needs stage 1 or higher."""
    activation_checkpointing: Literal["none", "encoder", "all"] = "none"
    """Activations to recompute in the backward pass instead of keeping them: of the encoder's blocks within single
    frames (Hiera's first two stages; most of its memory), or of these and every decoder layer."""
    compile: bool = False
    """Compile the model with torch.compile: minutes at the start, for faster steps on a GPU."""
    micro_batch: int = Field(default=8, ge=1)
    """Clips that a rank processes at once."""
    accumulation: int = Field(default=1, ge=1)
    """Micro-batches per optimiser step."""
    workers: int = Field(default=0, ge=0)
    """Processes per rank that prefetch and decode clips; 0 reads them on demand."""
    memory_gb: float | None = Field(default=None, gt=0)
    """Memory of a rank's device: a training run that would need more is refused up front; null uses the GPU's."""
    timeout_s: float = Field(default=1800.0, gt=0)
    """How long ranks wait for one that has not reached the next step, before the run ends and names it. Must exceed
    the time for validation and samples, which run on rank 0 only."""

    def __post_init__(self) -> None:
        for name, asked in (("offload", self.offload), ("precision bf16", self.precision == "bf16")):
            if asked and self.zero_stage == 0:
                raise ValueError(f"train.engine.zero_stage 0 has no {name}: choose 1, 2 or 3")

    @property
    def ranks(self) -> int:
        """Ranks on all machines."""
        return self.processes * self.nodes

    @property
    def clips_a_step(self) -> int:
        """Clips per optimiser step, over all ranks."""
        return self.micro_batch * self.accumulation * self.ranks

    @property
    def sharded(self) -> bool:
        """Whether the model's parameters differ from the float32 weights that the optimiser steps."""
        return self.zero_stage == 3 or self.precision == "bf16"

    def deepspeed(self, max_grad_norm: float) -> dict[str, Any]:
        """DeepSpeed's own configuration."""
        # One group of all weights under stage 3 too: D-Adaptation computes its sums in one step.
        zero: dict[str, Any] = {"stage": self.zero_stage, "sub_group_size": 10**13}
        if self.offload:
            zero["offload_optimizer"] = {"device": "cpu", "pin_memory": False}
        return {
            "train_micro_batch_size_per_gpu": self.micro_batch,
            "gradient_accumulation_steps": self.accumulation,
            "gradient_clipping": max_grad_norm,
            "zero_optimization": zero,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,  # torch's own AdamW, even with offloaded states
            "bf16": {"enabled": self.precision == "bf16"},
            "steps_per_print": 10**9,  # the loop reports
        }

    @property
    def dtype(self) -> "torch.dtype":
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DivergenceConfig:
    """How to handle a micro-batch whose loss, averaged over all ranks, is non-finite or a spike."""

    policy: Literal["stop", "skip"] = "stop"
    """End the run, or skip the micro-batch on all ranks and take the next."""
    spike: float = Field(default=0.0, ge=0)
    """A spike is a loss above this multiple of the median of the last 100; 0 disables the check."""
    most_in_a_row: int = Field(default=10, ge=1)
    """More than this many consecutive skips end the run in any case."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class MonitoringConfig:
    """What is logged, validated and kept during training, and how often, in optimiser steps."""

    log_every: int = Field(default=10, ge=1)
    validate_every: int = Field(default=100, ge=1)
    validation_clips: int = Field(default=64, ge=2)
    best_by: Literal["beat_frames", "codebook_0"] = "beat_frames"
    """Validation metric, in nats, that selects the best weights."""
    patience: int | None = Field(default=None, ge=1)
    """Validations without improvement after which the run ends; null trains all steps."""
    sample_every: int = Field(default=200, ge=1)
    sample_clips: int = Field(default=2, ge=0)
    checkpoint_every: int = Field(default=100, ge=1)
    checkpoints_kept: int = Field(default=2, ge=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainConfig:
    """A training run."""

    model: ModelConfig = ModelConfig()
    adapters: AdapterConfig | None = None
    """Train only low-rank adapters (LoRA); null trains the weights themselves."""
    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    engine: EngineConfig = EngineConfig()
    divergence: DivergenceConfig = DivergenceConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    sampling: SamplingConfig = SamplingConfig()
    """The trained model's default sampling settings."""
    steps: int = Field(ge=1)
    """Optimiser steps."""
    ema_decay: float = Field(default=0.99, ge=0, lt=1)
    """Decay of the weights' moving average, which is used for generation."""
    ema_every: int = Field(default=1, ge=1)
    """Optimiser steps between updates of the average."""
    keep: Literal["last", "best"] = "last"
    """Which averaged weights become the model: those of the last step or of the best validation."""
    data_share: float = Field(default=1.0, gt=0, le=1)
    """Share of the training videos that is used, chosen by hash: a smaller share's are among a larger one's."""
    seed: int = Field(default=0, ge=0)
    resume: bool = True
    """Resume an unfinished run with the same settings and data."""

    @property
    def clips_seen(self) -> int:
        """By all steps together."""
        return self.steps * self.engine.clips_a_step

    def __post_init__(self) -> None:
        if self.optimiser.name == "muon" and (self.engine.zero_stage == 3 or self.engine.offload):
            raise ValueError(
                "train.optimiser.name muon needs whole matrices on each rank's device: set train.engine.zero_stage to "
                "0, 1 or 2 and train.engine.offload to false, or choose adamw"
            )
        if self.objective.contrastive_weight and self.engine.micro_batch * self.engine.ranks < 2:
            raise ValueError(
                "train.objective.contrastive_weight needs two clips at once: raise train.engine.micro_batch or "
                "train.engine.processes, or set it to 0"
            )
