"""Whether a newly trained model may become the champion."""

from collections.abc import Mapping

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Gate:
    """A bound on one metric of metrics.json."""

    metric: str
    """Dotted name, such as mv_align.generated."""
    at_least: float | None = None
    at_most: float | None = None
    times: str | None = None
    """Another metric that the bounds are multiples of, such as the chance level mv_align.shuffled."""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate on {self.metric}: give at_least or at_most, one of them")

    def check(self, metrics: Mapping[str, float | None]) -> "Check":
        """Compare. A metric of None, which this data cannot show (genres that nobody gave), holds nothing up.

        Raises:
            ValueError: a metric that metrics.json does not have.
        """
        value = _metric(metrics, self.metric)
        unit = 1.0 if self.times is None else _metric(metrics, self.times)
        if value is None or unit is None:
            return Check(passed=True, rule=f"{self.metric} was not measured on this data")
        of = "" if self.times is None else f" x {self.times} ({unit:.3f})"
        if self.at_least is not None:
            return Check(
                passed=value >= self.at_least * unit,
                rule=f"{self.metric} ({value:.3f}) at least {self.at_least:g}{of}",
            )
        assert self.at_most is not None
        return Check(
            passed=value <= self.at_most * unit, rule=f"{self.metric} ({value:.3f}) at most {self.at_most:g}{of}"
        )


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class AgainstChampion:
    """A new model replaces the champion when it is not worse by more than this."""

    metric: str = "mv_align.generated"
    """Dotted name; higher is better."""
    tolerance: float = Field(default=0.05, ge=0)

    def check(self, metrics: Mapping[str, float | None], champion: float) -> "Check":
        """Compare with the champion's value of the metric."""
        value = _metric(metrics, self.metric)
        if value is None:
            return Check(passed=False, rule=f"{self.metric} was not measured, the champion has {champion:.3f}")
        return Check(
            passed=value >= champion - self.tolerance,
            rule=f"{self.metric} ({value:.3f}) at least the champion's {champion:.3f} less {self.tolerance:g}",
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """What became of one rule."""

    passed: bool
    rule: str


def _metric(metrics: Mapping[str, float | None], name: str) -> float | None:
    if name not in metrics:
        known = ", ".join(sorted(metrics))
        raise ValueError(f"metric {name} is not in metrics.json: correct registration.gates, which may use {known}")
    return metrics[name]
