"""Settings of the evaluation."""

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, NonNegativeInt
from pydantic.dataclasses import dataclass

from vmas_pipeline.evaluation.embeddings import Embedding, embeddings_of
from vmas_pipeline.evaluation.embeddings.musicnn import Musicnn


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EvaluationConfig:
    """The audio models, and the report's contents; the generation settings choose the clips."""

    embeddings: Annotated[tuple[InstanceOf[Embedding], ...], BeforeValidator(embeddings_of)] = (
        Musicnn(data="MTT"),
        Musicnn(data="MSD"),
    )
    """In what music is compared, `{kind: ..., ...}` each: FAD, KAD, MAD and coverage of all, KL of those with tags; the
    first is behind genres and the search for copies."""
    match_loudness: bool = False
    """Hear the system's music with one gain for all clips that makes it as loud, on average, as the true music;
    loudness, clipping and silence are measured as made."""
    batch: int = Field(default=32, ge=1)
    """Clips analysed at once."""
    report_clips: int = Field(default=8, ge=0)
    """Clips shown and played in the report."""
    report_worst: int = Field(default=2, ge=0)
    """How many of them are those with the least MV Align; the others are chosen before anything is generated."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class FilmsConfig:
    """Which films, how much of each, and what is kept to watch."""

    folder: str = "data/films"
    """A folder of videos, in any directory tree."""
    seconds: float = Field(default=10.0, gt=0)
    """Maximum seconds of each film, from its start; whole clips of them are measured."""
    seeds: tuple[NonNegativeInt, ...] = Field(default=(0,), min_length=1)
    """Seeds of the music: each film gets one piece for each, and a value is the mean over all."""
    flow_size: int = Field(default=64, ge=16)
    """Short side, in pixels, at which the flow is measured."""
    report_films: int = Field(default=24, ge=0)
    """Films shown and played in the report."""
    watch: bool = False
    """Also write each film, whole, with the music of the first seed."""
