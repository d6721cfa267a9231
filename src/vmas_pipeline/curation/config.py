"""Settings of curation."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf
from pydantic.dataclasses import dataclass

from vmas_pipeline.curation.filters import ClipFilter, Filter, VideoFilter, filters_of
from vmas_pipeline.media import Limits
from vmas_pipeline.scale_out import Backend

Filters = Annotated[dict[str, InstanceOf[Filter] | None], BeforeValidator(filters_of)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SplitConfig:
    """Parts of the sources in each split; the rest is for training."""

    validation: float = Field(default=0.05, ge=0, lt=1)
    """For choosing during training."""
    test: float = Field(default=0.15, ge=0, lt=1)
    """For the results that are reported."""
    seed: int = 0
    """Another seed splits differently."""

    def __post_init__(self) -> None:
        """Checks the sum."""
        if self.validation + self.test >= 1:
            raise ValueError(
                f"split.validation ({self.validation}) and split.test ({self.test}) leave nothing to train on: "
                "their sum must be below 1"
            )


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CurationConfig:
    """What is kept, and how the work is spread."""

    filters: Filters = Field(default_factory=lambda: filters_of({}))
    """Settings of each filter by its name, see `filters/`; null leaves a filter out."""
    frames: int = Field(default=24, ge=2)
    """Frames of a video that its filters look at, spread evenly."""
    measure_all: bool = False
    """Measure every score of refused videos and clips too, for statistics such as the paper's Table 1; costs time."""
    split: SplitConfig = Field(default_factory=SplitConfig)
    """Train, validation, test: by groups of sources, so that no video is in two."""
    limits: Limits = Field(default_factory=Limits)
    """Ceilings for one video: what is above them is refused before the work begins."""
    sources_per_shard: int = Field(default=40, ge=1)
    """Videos that one task inspects."""
    backend: Backend = "ray"
    """ray, or inline: in this process."""
    workers: int | None = Field(default=None, ge=1)
    """Tasks at a time on this machine; none: one a core."""

    @property
    def chosen(self) -> dict[str, Filter]:
        """The filters that are not left out, in their order."""
        return {name: each for name, each in self.filters.items() if each}

    @property
    def video_filters(self) -> dict[str, VideoFilter]:
        """The filters that judge a video as a whole, in their order."""
        return {name: each for name, each in self.chosen.items() if isinstance(each, VideoFilter)}

    @property
    def clip_filters(self) -> dict[str, ClipFilter]:
        """The filters that judge each clip, in their order."""
        return {name: each for name, each in self.chosen.items() if isinstance(each, ClipFilter)}

    @property
    def scores(self) -> dict[str, tuple[float, float]]:
        """Columns of all filters, with the least and the greatest possible value."""
        return {name: bounds for each in self.chosen.values() for name, bounds in each.columns.items()}

    def identity(self) -> Mapping[str, Any]:
        """The settings that a verdict depends on."""
        filters = {name: each.identity() for name, each in self.chosen.items()}
        return {"filters": filters, "frames": self.frames, "all": self.measure_all, "limits": asdict(self.limits)}
