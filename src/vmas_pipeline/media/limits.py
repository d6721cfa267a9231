"""How much of a foreign file is taken on, checked before the work begins."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Limits:
    """Ceilings for one video; every door that takes videos (curation, the command, the server) has its own."""

    duration_s: float = Field(default=4 * 3600.0, gt=0)
    """Longest video in seconds, by the time stamps that are really there."""
    gigabytes: float = Field(default=64.0, gt=0)
    """Largest file."""
    megapixels: float = Field(default=36.0, gt=0)
    """Largest picture (8K UHD has 33)."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Longest time that one reading of the video may take; then it is cut off."""
