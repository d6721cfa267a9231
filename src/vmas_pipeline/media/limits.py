"""Limits on foreign files, checked before work begins."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Limits:
    """Limits for one video; every entry point that accepts videos (curation, the command, the server) has its own."""

    duration_s: float = Field(default=4 * 3600.0, gt=0)
    """Longest video in seconds, by its actual timestamps."""
    gigabytes: float = Field(default=64.0, gt=0)
    """Largest file."""
    megapixels: float = Field(default=36.0, gt=0)
    """Largest picture (8K UHD has 33)."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Maximum time for one read of the video; then it is aborted."""
