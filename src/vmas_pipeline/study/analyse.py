"""What the answers say: preference rates with intervals, agreement, strengths, and how many raters would be needed."""

# N answers, B resamples

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vmas_pipeline.evaluation.bootstrap import Interval
from vmas_pipeline.study.agreement import preference_agreement
from vmas_pipeline.study.answers import ANSWERS, attentive
from vmas_pipeline.study.config import QUESTIONS
from vmas_pipeline.study.crossed import crossed
from vmas_pipeline.study.power import Components, components, power_table
from vmas_pipeline.study.strength import bradley_terry

if TYPE_CHECKING:
    from pandas import DataFrame

_SCALE = np.array([1.0, 0.0, -1.0])  # of ANSWERS


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two systems under one question."""

    first: str
    second: str
    question: str
    answers: int
    raters: int
    videos: int
    rates: dict[str, Interval]  # of ANSWERS, of all answers
    decided: Interval  # preference for the first, "cannot tell" counted half for both
    difference: Interval  # rate of the first minus that of the second
    agreement: float  # Krippendorff's alpha
    parts: Components

    @property
    def needed(self) -> dict[float, int | None]:
        """Raters that another study like this one needs, see `power_table`."""
        return power_table(self.parts, self.videos, self.answers / self.raters)

    @property
    def verdict(self) -> str:
        """In words, at 95 %."""
        if self.difference.low > 0:
            return f"{self.first} is preferred"
        return f"{self.second} is preferred" if self.difference.high < 0 else "no preference beyond noise"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A study's result."""

    raters: dict[str, int]  # see `attentive`
    comparisons: list[Comparison]
    strengths: dict[str, dict[str, Interval]]  # by question and system, if there are more than two


def analyse(table: "DataFrame") -> Analysis:
    """Analyse the answers.

    Args:
        table: see `answers.COLUMNS`.

    Raises:
        ValueError: too few answers are left for an interval.
    """
    rows, raters = attentive(table)
    if rows.empty:
        raise ValueError(
            f"no answers to analyse: of {raters['all']} raters {raters['failed']} failed an attention check and "
            f"{raters['unchecked']} met none"
        )
    ordered = rows.sort_values("item", kind="stable")  # so that systems stand in the order in which they were named
    comparisons = [
        _compare(group, str(first), str(second), question)
        for (first, second), of_pair in ordered.groupby(["first", "second"], sort=False)
        for question in QUESTIONS
        if len(group := of_pair[of_pair["question"] == question])
    ]
    systems = list(dict.fromkeys([*ordered["first"], *ordered["second"]]))
    strengths = {
        question: _strengths(group, systems)
        for question in QUESTIONS
        if len(systems) > 2 and len(group := ordered[ordered["question"] == question])
    }
    return Analysis(raters=raters, comparisons=comparisons, strengths=strengths)


def _compare(rows: "DataFrame", first: str, second: str, question: str) -> Comparison:
    chosen = _one_hot(rows)

    def rates(weights: np.ndarray) -> np.ndarray:
        shares = weights @ chosen / weights.sum(axis=1, keepdims=True)  # [B, 3]
        difference = shares[:, :1] - shares[:, 2:]
        return np.concatenate([shares, 0.5 + difference / 2, difference], axis=1)

    raters, videos = rows["rater"].to_numpy(), rows["film"].to_numpy()
    spread = crossed(rates, raters, videos)
    counts = rows.groupby(["item", "answer"]).size().unstack(fill_value=0).reindex(columns=list(ANSWERS), fill_value=0)
    return Comparison(
        first=first,
        second=second,
        question=question,
        answers=len(rows),
        raters=rows["rater"].nunique(),
        videos=rows["film"].nunique(),
        rates={answer: spread.interval(i, 0, 1) for i, answer in enumerate(ANSWERS)},
        decided=spread.interval(3, 0, 1),
        difference=spread.interval(4, -1, 1),
        agreement=preference_agreement(counts.to_numpy()),
        parts=components(chosen @ _SCALE, raters, videos),
    )


def _strengths(rows: "DataFrame", systems: list[str]) -> dict[str, Interval]:
    """Bradley-Terry log-strengths over the first system."""
    first, second = (rows[side].map(systems.index).to_numpy() for side in ("first", "second"))
    share = _one_hot(rows) @ np.array([1.0, 0.5, 0.0])
    onto = np.zeros((len(rows), len(systems), len(systems)))
    onto[np.arange(len(rows)), first, second] = share
    onto[np.arange(len(rows)), second, first] = 1 - share
    spread = crossed(
        lambda weights: bradley_terry(np.tensordot(weights, onto, 1)), rows["rater"].to_numpy(), rows["film"].to_numpy()
    )
    return {system: spread.interval(i) for i, system in enumerate(systems)}


def _one_hot(rows: "DataFrame") -> np.ndarray:
    """float [N, 3] over ANSWERS."""
    return (rows["answer"].to_numpy()[:, None] == np.array(ANSWERS)).astype(float)
