"""What a study asks and how large it is."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

QUESTIONS = {
    "quality": "Which music do you think has the better music quality?",
    "synchronisation": "Which background music has better synchronization between music beats and visual dynamics?",
}
"""The paper's questions, in the words of its appendix C."""

CHOICES = {"left": "A", "neither": "Cannot tell", "right": "B"}
"""The answers to each question, as a rater reads them."""

CHECK_QUESTION = "quality"
"""The question by which an attention check is judged."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class StudyConfig:
    """A study's size and level."""

    title: str = Field(default="Which music fits the video?", min_length=1, max_length=120)
    """Heading of the page."""
    about: str = Field(default="", max_length=4000)
    """Who runs the study and what for: a paragraph for the first page."""
    pairs: int = Field(default=50, ge=1)
    """Number of videos, each a pair for every two systems that are compared."""
    per_rater: int = Field(default=10, ge=1)
    """Pairs that one person rates."""
    checks: int = Field(default=2, ge=0, le=10)
    """Attention checks among them, in addition."""
    every_two: bool = False
    """Compare every two systems; otherwise the first with each of the others, as the paper does."""
    lufs: float = Field(default=-23.0, ge=-40.0, le=-10.0)
    """Integrated loudness of every piece of music, in LUFS."""
    seed: int = Field(default=0, ge=0)
    """Of the drawing of videos, and of every rater's pairs, order and sides."""
