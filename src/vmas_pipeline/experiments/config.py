"""Settings of an experiment: the ablation, the comparison of systems, a sweep."""

import hashlib
import json
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vmas_pipeline.model_folder import one_line
from vmas_pipeline.systems import TRAINED
from vmas_pipeline.training.config import TrainConfig, merged

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Variant:
    """A system of the experiment."""

    kind: str = "vmas"
    """A key of `systems.SYSTEMS`."""
    train: dict[str, Any] | None = None
    """Trained before it is evaluated: for vmas, overrides of the `train` parameters, nested like them; for another
    kind, settings of its own training (`systems.TRAINED`). None trains nothing."""
    options: dict[str, Any] = field(default_factory=dict)
    """The kind's options."""
    source: Path | None = None
    """The folder that it is loaded from; None: what the flow has made for its kind."""
    features: Path | None = None
    """Shards of another data set that it is trained on, made with the flow's codec; None: the flow's. The evaluated
    clips are the flow's in any case."""
    note: str = ""
    """How it departs from what it stands for; printed in its row."""

    def __post_init__(self) -> None:
        if self.train is not None and (self.kind not in ("vmas", *TRAINED) or self.source):
            raise ValueError(
                f"train belongs to kinds {', '.join(('vmas', *TRAINED))} without a source, not to {self.kind} of "
                f"{self.source}"
            )
        if self.features and self.train is None:
            raise ValueError(f"features ({self.features}) are what a variant is trained on, and this one has no train")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ExperimentConfig:
    """Which variants are compared. All are evaluated on the flow's held-out clips."""

    variants: dict[str, Variant | None]
    """Name to kind, train, options, source, features and note. The others are compared with the first; null removes a
    variant that another environment defines."""
    train: dict[str, Any] = field(default_factory=dict)
    """Overrides of the `train` parameters for all that are trained, such as fewer steps."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Each variant runs once per seed, of its training and of its music."""
    only: str | None = None
    """Run this variant alone, as one job of several; a later run without it collects the results."""

    def __post_init__(self) -> None:
        if len(self.kept) < 2:
            raise ValueError(f"variants has {len(self.kept)} entries: a comparison needs two or more")
        if self.only is not None and self.only not in self.kept:
            raise ValueError(f"only is {self.only}, which is no variant: choose one of {', '.join(self.kept)}")

    @property
    def kept(self) -> dict[str, Variant]:
        """The variants that run."""
        return {name: variant for name, variant in self.variants.items() if variant is not None}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A variant with one of its seeds."""

    name: str
    seed: int
    variant: Variant
    train: Any
    """TrainConfig for vmas, or the settings of the kind's own training; None trains nothing."""

    @property
    def run(self) -> str:
        """Names its folder and its MLflow run."""
        return f"{self.name}-{self.seed}"

    @property
    def settings(self) -> dict[str, Any]:
        """All that makes it what it is; the note does not."""
        return asdict(self.variant) | {"train": self.train and asdict(self.train), "note": ""}

    def key(self, *more: str) -> str:
        """Names its result, given whatever else it depends on."""
        text = json.dumps([self.seed, self.settings, *more], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan(base: TrainConfig, config: ExperimentConfig) -> list[Planned]:
    """Every variant with every seed.

    Raises:
        ValueError: two variants are identical, or one sets an unknown training parameter; the message names them.
    """
    planned: list[Planned] = []
    for seed in config.seeds:
        for name, variant in config.kept.items():
            train = None if variant.train is None else _training(base, config, name, variant, seed)
            new = Planned(name=name, seed=seed, variant=variant, train=train)
            if twin := next((p for p in planned if p.seed == seed and p.settings == new.settings), None):
                raise ValueError(
                    f"variants {twin.name} and {name} are the same here: set variants.{name} to null in this "
                    "environment"
                )
            planned.append(new)
    return planned


def _training(base: TrainConfig, config: ExperimentConfig, name: str, variant: Variant, seed: int) -> Any:
    """The settings of a variant's training."""
    settings = variant.train or {}
    if variant.kind == "vmas":
        settings = merged(merged(asdict(base), config.train), settings)
    kind: type = TrainConfig if variant.kind == "vmas" else TRAINED[variant.kind][0]
    try:
        return TypeAdapter(kind).validate_python({**settings, "seed": seed})
    except ValidationError as error:
        raise ValueError(f"variant {name} does not fit the training's settings: {one_line(error)}") from error
