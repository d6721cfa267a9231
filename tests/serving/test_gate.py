import pytest
from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.serving.gate import AgainstChampion, Gate
from vmas_pipeline.serving.registration import RegistrationConfig

METRICS = {"mv_align.generated": 0.5, "mv_align.shuffled": 0.1, "fad": 2.0, "genre_agreement": None}


@pytest.mark.parametrize(
    ("gate", "passed", "rule"),
    [
        (Gate(metric="mv_align.generated", at_least=0.5), True, "mv_align.generated (0.500) at least 0.5"),
        (Gate(metric="mv_align.generated", at_least=0.51), False, "mv_align.generated (0.500) at least 0.51"),
        (
            Gate(metric="mv_align.generated", at_least=6, times="mv_align.shuffled"),
            False,
            "mv_align.generated (0.500) at least 6 x mv_align.shuffled (0.100)",
        ),
        (Gate(metric="fad", at_most=2.4), True, "fad (2.000) at most 2.4"),
        (Gate(metric="genre_agreement", at_least=0.9), True, "genre_agreement was not measured on this data"),
    ],
)
def test_a_gate_says_its_rule_and_whether_it_holds(gate: Gate, passed: bool, rule: str) -> None:
    check = gate.check(METRICS)
    assert (check.passed, check.rule) == (passed, rule)


def test_a_metric_that_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(ValueError, match=r"metric mv_aline is not in metrics\.json: correct .* fad, genre_agreement"):
        Gate(metric="mv_aline", at_least=1).check(METRICS)


def test_a_gate_has_one_bound() -> None:
    with pytest.raises(ValidationError, match="give at_least or at_most, one of them"):
        Gate(metric="fad", at_least=1, at_most=2)


@pytest.mark.parametrize(("champion", "passed"), [(0.4, True), (0.54, True), (0.56, False)])
def test_a_champion_falls_to_what_is_not_worse_beyond_the_tolerance(champion: float, passed: bool) -> None:
    assert AgainstChampion(tolerance=0.05).check(METRICS, champion).passed == passed


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        TypeAdapter(RegistrationConfig).validate_python({"colour": "blue"})
