"""Raters with known preferences, to plan a study and to test its analysis.

A rater's judgement of a pair is the systems' true difference, plus the rater's own leaning, plus the video's, plus
logistic noise; within a margin around 0 it is "cannot tell".
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from vmas_pipeline.study.assign import Given, assign
from vmas_pipeline.study.config import QUESTIONS
from vmas_pipeline.study.items import Item


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The population that raters and videos are drawn from, in the units of the logistic noise."""

    advantage: float = 0.0  # of the first system
    raters: float = 0.5  # standard deviation of the leanings
    videos: float = 0.7
    margin: float = 0.4  # of "cannot tell"

    def rates(self) -> tuple[float, float, float]:
        """Shares that answer first, neither and second, over all raters and videos."""
        points, weights = np.polynomial.hermite_e.hermegauss(60)
        judged = self.advantage + np.hypot(self.raters, self.videos) * points
        first, second = (
            float(weights @ (1 / (1 + np.exp(self.margin - sign * judged))) / weights.sum()) for sign in (1, -1)
        )
        return first, 1 - first - second, second


class Raters:
    """Draws judgements: a rater's and a video's leanings stay the same."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self.truth, self.rng = truth, np.random.default_rng(seed)
        self.leanings: dict[tuple[str, Any, str], float] = {}

    def answer(self, rater: int, item: Item, question: str) -> str:
        """first, neither or second; a check is passed."""
        if item.is_check:
            return "first"
        own = self._leaning("rater", rater, question, self.truth.raters)
        own += self._leaning("video", (item.film, item.systems), question, self.truth.videos)
        judged = self.truth.advantage + own + self.rng.logistic()
        return "neither" if abs(judged) <= self.truth.margin else "first" if judged > 0 else "second"

    def _leaning(self, of: str, which: Any, question: str, deviation: float) -> float:
        key = (of, which, question)
        if key not in self.leanings:
            self.leanings[key] = deviation * self.rng.standard_normal()
        return self.leanings[key]


def simulated_answers(
    truth: Truth, items: Sequence[Item], raters: int, per_rater: int, seed: int = 0
) -> list[Mapping[str, Any]]:
    """The table of answers of a study without checks, see `answers.COLUMNS`."""
    people, rng, given, rows = Raters(truth, seed), random.Random(seed), dict[int, Given](), list[Mapping[str, Any]]()
    by_number = {item.number: item for item in items}
    for rater in range(1, raters + 1):
        trials = assign(items, given, per_rater, 0, rng)
        for position, trial in enumerate(trials, 1):
            before, item = given.get(trial.item, Given()), by_number[trial.item]
            given[trial.item] = Given(times=before.times + 1, first_left=before.first_left + trial.first_left)
            about = {"rater": rater, "position": position, "item": item.number, "check": 0, "seconds": 0}
            about |= {name: getattr(item, name) for name in ("clip_id", "film", "first", "second")}
            about["first_left"] = int(trial.first_left)
            rows += [
                {**about, "question": question, "answer": people.answer(rater, item, question)}
                for question in QUESTIONS
            ]
    return rows


def simulated_items(videos: int, systems: Sequence[str] = ("ours", "theirs")) -> list[Item]:
    """Pairs of the first system with each other one, on so many videos."""
    return [
        Item(
            number=number,
            is_check=False,
            clip_id=f"clip-{video}",
            film=f"film-{video}",
            first=systems[0],
            second=other,
            first_media=f"{number:016x}",
            second_media=f"{number:015x}b",
        )
        for number, (video, other) in enumerate(product(range(videos), systems[1:]), 1)
    ]
