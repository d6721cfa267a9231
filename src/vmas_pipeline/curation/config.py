"""Settings of curation."""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.media import Limits
from vmas_pipeline.scale_out import Backend


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SimilarityConfig:
    """The filter of films whose picture hardly changes (paper section 3)."""

    embedding: Literal["thumbnails", "clip"] = "thumbnails"
    """What frames are compared by: small grey pictures, or CLIP's image features (MIT licence)."""
    maximum: float = Field(default=0.7, ge=-1)
    """Films at or above this mean pairwise cosine are refused; above 1: none is."""
    frames: int = Field(default=24, ge=2)
    """Frames compared, spread evenly over the film."""
    clip_model: str = "vit_base_patch16_clip_224.openai"
    """timm's name of the CLIP image tower."""
    clip_weights: Path | None = None
    """Its weights as a file; none: timm fetches them by name."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class VocalsConfig:
    """What is done about voices, which the model is not to learn."""

    policy: Literal["refuse", "separate", "keep"] = "refuse"
    """refuse clips with a voice; separate: take the voice out with Demucs, then refuse what is left of them; keep."""
    maximum: float = Field(default=0.15, ge=-1, le=1)
    """Clips above this score have a voice."""
    tagger: Literal["MTT_musicnn"] = "MTT_musicnn"
    """The music tagger that listens; MagnaTagATune's tags tell voices from their absence."""
    patches: int = Field(default=1, ge=1)
    """Stretches of 3 s of each clip that it listens to."""
    demucs_model: str = "htdemucs"
    """Name or signature of a Demucs model (MIT licence)."""
    demucs_folder: Path | None = None
    """Folder with its .th and .yaml files; none: Demucs fetches them by name."""
    device: str = "cpu"
    """Where Demucs runs."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SplitConfig:
    """Parts of the sources in each split; the rest is for training."""

    validation: float = Field(default=0.05, ge=0, lt=1)
    """For choosing during training."""
    test: float = Field(default=0.15, ge=0, lt=1)
    """For the figures that are reported."""
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

    similarity: SimilarityConfig = Field(default_factory=SimilarityConfig)
    """The frame-similarity filter."""
    vocals: VocalsConfig = Field(default_factory=VocalsConfig)
    """The vocal check."""
    split: SplitConfig = Field(default_factory=SplitConfig)
    """Train, validation, test: by source, so that no film is in two."""
    limits: Limits = Field(default_factory=Limits)
    """Ceilings for one video: what is above them is refused before the work begins."""
    present: float = Field(default=0.98, gt=0, le=1)
    """Clips of which less than this share of the picture, or of the sound, can be decoded are refused."""
    silence_db: float = Field(default=-55.0, lt=0)
    """Clips whose loudness (RMS, dB of full scale) is below this are silent."""
    sources_per_shard: int = Field(default=40, ge=1)
    """Films that one task inspects."""
    backend: Backend = "ray"
    """ray, or inline: in this process."""
    workers: int | None = Field(default=None, ge=1)
    """Tasks at a time on this machine; none: one a core."""
