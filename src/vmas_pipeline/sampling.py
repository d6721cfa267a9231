"""How tokens are drawn: settings of training, model folder and command alike."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Sampling:
    """How the next token is drawn. The defaults are MusicGen's; a model folder stores its own."""

    top_k: int = Field(default=250, ge=1)
    """Draw among this many of the likeliest tokens; 1 always takes the likeliest."""
    temperature: float = Field(default=1.0, gt=0)
    """Above 1 flattens the distribution, below 1 sharpens it."""
    guidance: float = Field(default=3.0, ge=0)
    """Classifier-free guidance: 1 is none, above 1 follows the video more closely."""
