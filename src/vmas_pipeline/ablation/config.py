"""Settings of the ablation."""

from dataclasses import asdict, field
from typing import Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vmas_pipeline.training.config import TrainConfig, merged


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class AblationConfig:
    """Which variants are trained, for how long, and on how many clips they are evaluated."""

    variants: dict[str, dict[str, Any] | None]
    """Name to overrides of the `train` parameters, nested like them. The others are compared with the first; null
    removes a variant that another environment defines."""
    train: dict[str, Any] = field(default_factory=dict)
    """Overrides for all variants, such as fewer steps."""
    seeds: tuple[int, ...] = (0,)
    """Each variant is trained once per seed."""
    clips: int = Field(default=128, ge=2)
    """Held-out clips that each is evaluated on."""
    training_clips: int = Field(default=128, ge=2)
    """Clips of true music that the genre classifier is trained on."""

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise ValueError(f"ablation.variants has {len(self.names)} entries: a comparison needs two or more")

    @property
    def names(self) -> list[str]:
        """The variants that are trained."""
        return [name for name, changes in self.variants.items() if changes is not None]


def variant_config(base: TrainConfig, config: AblationConfig, variant: str, seed: int) -> TrainConfig:
    """The training config of one variant: the base with the common overrides, then with this variant's.

    Raises:
        ValueError: a variant sets an unknown training parameter; the message names both.
    """
    settings = merged(merged(asdict(base), config.train), config.variants[variant] or {})
    try:
        return TypeAdapter(TrainConfig).validate_python({**settings, "seed": seed})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"ablation variant {variant} does not fit the training's settings: {wrong}") from error


def plan(base: TrainConfig, config: AblationConfig) -> list[tuple[str, int, TrainConfig]]:
    """Every variant with every seed.

    Raises:
        ValueError: two variants are identical, or as for `variant_config`.
    """
    planned = [(name, seed, variant_config(base, config, name, seed)) for seed in config.seeds for name in config.names]
    for i, (name, seed, settings) in enumerate(planned):
        for other, of, theirs in planned[:i]:
            if seed == of and settings == theirs:
                raise ValueError(
                    f"ablation variants {other} and {name} are the same training here: set ablation.variants.{name} to "
                    "null in this environment"
                )
    return planned
