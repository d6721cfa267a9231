from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.serving.gate import AgainstChampion, Gate
from vmas_pipeline.serving.registration import RegistrationConfig


def result(name: str, value: float | None, **levels: Any) -> MetricResult:
    return MetricResult(name=name, title=name, value=value, **levels)


RESULTS = {
    "mv_align": result("mv_align", 0.5, chance=0.1, levels={"shuffled": 0.05}),
    "fad": result("fad", 2.0, higher_is_better=False),
    "genre_agreement": result("genre_agreement", None),
}


@pytest.mark.parametrize(
    ("gate", "passed", "rule"),
    [
        (Gate(metric="mv_align", at_least=0.5), True, "mv_align (0.500) at least 0.5"),
        (Gate(metric="mv_align", at_least=0.51), False, "mv_align (0.500) at least 0.51"),
        (
            Gate(metric="mv_align", at_least=6, times="chance"),
            False,
            "mv_align (0.500) at least 6 x its chance (0.100)",
        ),
        (Gate(metric="fad", at_most=2.4), True, "fad (2.000) at most 2.4"),
        (Gate(metric="genre_agreement", at_least=0.9), True, "genre_agreement was not measured on this data"),
    ],
)
def test_a_gate_says_its_rule_and_whether_it_holds(gate: Gate, passed: bool, rule: str) -> None:
    check = gate.check(RESULTS)
    assert (check.passed, check.rule) == (passed, rule)


def test_a_metric_that_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(ValueError, match=r"metric mv_aline is not in metrics\.json: correct .* fad, genre_agreement"):
        Gate(metric="mv_aline", at_least=1).check(RESULTS)


def test_a_gate_has_one_bound() -> None:
    with pytest.raises(ValidationError, match="give at_least or at_most, one of them"):
        Gate(metric="fad", at_least=1, at_most=2)


def test_a_level_that_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(ValueError, match="mv_align has no level luck: correct .* chance, ceiling, shuffled"):
        Gate(metric="mv_align", at_least=1, times="luck").check(RESULTS)


@pytest.mark.parametrize(("champion", "passed"), [(0.4, True), (0.54, True), (0.56, False)])
def test_a_champion_falls_to_what_is_not_worse_beyond_the_tolerance(champion: float, passed: bool) -> None:
    theirs = {"mv_align": result("mv_align", champion)}
    assert AgainstChampion(tolerance=0.05).check(RESULTS, theirs).passed == passed


@pytest.mark.parametrize(("champion", "passed"), [(1.9, True), (1.7, False), (3.0, True)])
def test_where_lower_is_better_the_champion_is_compared_that_way(champion: float, passed: bool) -> None:
    theirs = {"fad": result("fad", champion, higher_is_better=False)}
    check = AgainstChampion(metric="fad", tolerance=0.2).check(RESULTS, theirs)
    assert (check.passed, "at most the champion's" in check.rule) == (passed, True)


def test_a_metric_without_a_direction_compares_no_champions() -> None:
    density = {"onset_density": result("onset_density", 1.2, higher_is_better=None)}
    with pytest.raises(ValueError, match="onset_density is neither better high nor low"):
        AgainstChampion(metric="onset_density").check(density, density)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        TypeAdapter(RegistrationConfig).validate_python({"colour": "blue"})
