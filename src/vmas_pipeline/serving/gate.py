"""Whether a newly trained model may become the champion."""

from collections.abc import Mapping

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.evaluation.result import MetricResult

Results = Mapping[str, MetricResult]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Gate:
    """A bound on one metric's value."""

    metric: str
    """Name of a result in metrics.json, such as mv_align."""
    at_least: float | None = None
    at_most: float | None = None
    times: str | None = None
    """The bound is a multiple of this level of the same metric: chance, ceiling, or one of its levels."""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate on {self.metric}: give at_least or at_most, one of them")

    def check(self, results: Results) -> "Check":
        """Compare. A value of None, which this data cannot provide (no genres given), blocks nothing.

        Raises:
            ValueError: a metric that was not computed, or a level that it does not have.
        """
        result = _result(results, self.metric)
        unit = 1.0 if self.times is None else _level(result, self.times)
        if result.value is None or unit is None:
            return Check(passed=True, rule=f"{self.metric} was not measured on this data")
        of = "" if self.times is None else f" x its {self.times} ({unit:.3f})"
        if self.at_least is not None:
            passed, bound = result.value >= self.at_least * unit, f"at least {self.at_least:g}"
        else:
            assert self.at_most is not None
            passed, bound = result.value <= self.at_most * unit, f"at most {self.at_most:g}"
        return Check(passed=passed, rule=f"{self.metric} ({result.value:.3f}) {bound}{of}")


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class AgainstChampion:
    """A new model replaces the champion if it is not worse by more than this on the same clips."""

    metric: str = "mv_align"
    tolerance: float = Field(default=0.05, ge=0)

    def check(self, results: Results, champion: Results) -> "Check":
        """Compare with the champion's value of the metric, in the metric's direction.

        Raises:
            ValueError: a metric that was not computed, or has no direction.
        """
        ours, theirs = _result(results, self.metric), _result(champion, self.metric)
        if ours.value is None or theirs.value is None:
            return Check(passed=True, rule=f"{self.metric} was not measured on this data")
        if ours.higher_is_better is None:
            raise ValueError(
                f"{self.metric} is neither better high nor low: compare with the champion by another metric"
            )
        lost = (theirs.value - ours.value) * (1 if ours.higher_is_better else -1)
        bound = "at least" if ours.higher_is_better else "at most"
        sign = "less" if ours.higher_is_better else "plus"
        return Check(
            passed=lost <= self.tolerance,
            rule=f"{self.metric} ({ours.value:.3f}) {bound} the champion's {theirs.value:.3f} on the same clips {sign} "
            f"{self.tolerance:g}",
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """The outcome of one rule."""

    passed: bool
    rule: str


def _result(results: Results, name: str) -> MetricResult:
    if name not in results:
        known = ", ".join(sorted(results))
        raise ValueError(f"metric {name} is not in metrics.json: correct registration.gates, which may use {known}")
    return results[name]


def _level(result: MetricResult, name: str) -> float | None:
    levels = {"chance": result.chance, "ceiling": result.ceiling, **result.levels}
    if name not in levels:
        known = ", ".join(levels)
        raise ValueError(f"{result.name} has no level {name}: correct registration.gates, which may use {known}")
    return levels[name]
