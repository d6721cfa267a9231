import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from vmas_pipeline.study.agreement import krippendorff_alpha, preference_agreement
from vmas_pipeline.study.analyse import analyse
from vmas_pipeline.study.answers import COLUMNS, attentive, read_answers, write_answers
from vmas_pipeline.study.config import QUESTIONS
from vmas_pipeline.study.crossed import crossed
from vmas_pipeline.study.power import TYPICAL, Components, components, raters_needed, standard_error
from vmas_pipeline.study.report import summary, write_study_report
from vmas_pipeline.study.simulation import Raters, Truth, simulated_answers, simulated_items
from vmas_pipeline.study.strength import bradley_terry


def answers(given, check=0):
    """A table of (rater, video, answer) under the question about quality."""
    rows = [
        dict.fromkeys(COLUMNS, 0)
        | {"rater": rater, "item": video, "film": video, "clip_id": video, "answer": answer, "check": check}
        | {"first": "ours", "second": "theirs", "question": "quality"}
        for rater, video, answer in given
    ]
    return pd.DataFrame(rows)


def mean(values):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


def test_answers_without_shared_raters_or_videos_have_the_textbook_interval():
    chosen = np.array([1.0] * 60 + [0.0] * 40)
    spread = crossed(mean(chosen), np.arange(100), np.arange(100), resamples=4000)
    reach = t.ppf(0.975, 99) * math.sqrt(0.6 * 0.4 / 99)
    interval = spread.interval(0)
    assert interval.mean == pytest.approx(0.6)
    assert interval.high - interval.mean == pytest.approx(reach, rel=0.05)


def test_answers_that_raters_only_repeat_count_once():
    """Ten equal answers a rater, all on other videos: the standard error is that of the raters alone."""
    leanings = np.random.default_rng(0).normal(size=30)
    raters = np.repeat(np.arange(30), 10)
    spread = crossed(mean(leanings[raters]), raters, np.arange(300), resamples=4000)
    assert spread.error[0] == pytest.approx(leanings.std(ddof=1) / math.sqrt(30), rel=0.06)
    assert spread.freedom == 29


def test_the_variance_is_that_of_cameron_gelbach_and_miller():
    rng = np.random.default_rng(1)
    raters, videos = np.repeat(np.arange(25), 8), rng.integers(20, size=200)
    values = rng.normal(size=25)[raters] + rng.normal(size=20)[videos] + rng.normal(size=200)
    residuals = values - values.mean()
    sums = [np.bincount(groups, residuals) for groups in (raters, videos)]
    closed = sum((s @ s) * len(s) / (len(s) - 1) for s in sums) - residuals @ residuals * 200 / 199
    spread = crossed(mean(values), raters, videos, resamples=8000)
    assert spread.error[0] == pytest.approx(math.sqrt(closed) / 200, rel=0.06)


def test_rates_ties_and_decided_preference_add_up():
    given = [(r, v, a) for r in range(4) for v, a in enumerate(["first", "first", "neither", "second", "first"])]
    (comparison,) = analyse(answers(given)).comparisons
    rates = [interval.mean for interval in comparison.rates.values()]
    assert rates == pytest.approx([0.6, 0.2, 0.2])
    assert comparison.decided.mean == pytest.approx(0.7) and comparison.difference.mean == pytest.approx(0.4)
    assert (comparison.answers, comparison.raters, comparison.videos) == (20, 4, 5)
    assert comparison.agreement == pytest.approx(1.0) and "no preference" in comparison.verdict


def test_raters_who_failed_a_check_or_met_none_are_left_out_and_counted():
    given = [(r, v, "first" if r < 3 else "second") for r in range(5) for v in range(3)]
    checks = answers([(0, 10, "first"), (1, 10, "first"), (2, 10, "neither"), (3, 11, "second"), (3, 10, "first")], 1)
    rows, counts = attentive(pd.concat([answers(given), checks]))
    assert counts == {"all": 5, "failed": 2, "unchecked": 1, "kept": 2}
    assert set(rows["rater"]) == {0, 1} and not rows["check"].any()
    with pytest.raises(ValueError, match="of 1 raters 1 failed an attention check and 0 met none"):
        analyse(answers([(0, 1, "second")], check=1))


def alpha_of(units, ordered):
    """Alpha of lists of ratings, one list a unit."""
    values = sorted({value for unit in units for value in unit})
    counts = np.array([[unit.count(value) for value in values] for unit in units])
    scale = np.array(values, float)
    return krippendorff_alpha(counts, (scale[:, None] - scale) ** 2 if ordered else 1 - np.eye(len(values)))


def test_alpha_is_that_of_the_published_example():
    """Three coders, fifteen units, missing values: .691 for names and .811 for numbers (Krippendorff)."""
    none = None
    coders = [
        [none, none, none, none, none, 3, 4, 1, 2, 1, 1, 3, 3, none, 3],
        [1, none, 2, 1, 3, 3, 4, 3, none, none, none, none, none, none, none],
        [none, none, 2, 1, 3, 4, 4, none, 2, 1, 1, 3, 3, none, 4],
    ]
    units = [[value for value in unit if value is not none] for unit in zip(*coders, strict=True)]
    assert alpha_of(units, ordered=False) == pytest.approx(0.691, abs=5e-4)
    assert alpha_of(units, ordered=True) == pytest.approx(0.811, abs=5e-4)


def test_agreement_is_full_when_all_prefer_one_system_and_none_at_chance():
    assert preference_agreement(np.array([[4, 0, 0]] * 6)) == pytest.approx(1)
    chance = np.random.default_rng(0).multinomial(10, [0.4, 0.2, 0.4], size=400)
    assert preference_agreement(chance) == pytest.approx(0, abs=0.03)
    assert math.isnan(preference_agreement(np.array([[1, 0, 0], [0, 0, 1]])))


def test_strengths_are_those_of_the_published_baseball_season():
    """American League East, 1987 (Agresti, Categorical Data Analysis): log-strengths over Baltimore's."""
    teams = ["Baltimore", "Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland"]
    beat = {
        "Milwaukee": [11, 0, 7, 9, 7, 7, 9],
        "Detroit": [9, 6, 0, 7, 5, 11, 9],
        "Toronto": [12, 4, 6, 0, 7, 7, 8],
        "New York": [10, 6, 8, 6, 0, 6, 7],
        "Boston": [12, 6, 2, 6, 7, 0, 7],
        "Cleveland": [6, 4, 4, 5, 6, 6, 0],
        "Baltimore": [0, 2, 4, 1, 3, 1, 7],
    }
    strengths = bradley_terry(np.array([beat[team] for team in teams], float), prior=0)
    assert strengths == pytest.approx([0, 1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839], abs=2e-3)


def test_a_system_that_never_wins_has_a_finite_strength():
    assert bradley_terry(np.array([[0, 10.0], [0, 0]])) == pytest.approx([0, -math.log(21)])


def test_raters_needed_are_those_of_the_textbook_where_answers_are_independent():
    needed = raters_needed(0.2, Components(raters=0, videos=0, answers=0.8), videos=50, per_rater=1)
    assert needed == math.ceil(0.8 * ((norm.ppf(0.975) + norm.ppf(0.8)) / 0.2) ** 2)


def test_raters_needed_just_reach_the_power_and_videos_set_a_limit():
    parts = TYPICAL
    needed = raters_needed(0.2, parts, 50, 10)
    assert 0.2 / standard_error(parts, needed, 50, 10) >= norm.ppf(0.975) + norm.ppf(0.8)
    assert 0.2 / standard_error(parts, needed - 1, 50, 10) < norm.ppf(0.975) + norm.ppf(0.8)
    assert raters_needed(0.1, parts, 50, 10) is None and raters_needed(0.1, parts, 500, 10) is not None


def test_components_of_a_simulation_are_found():
    rng = np.random.default_rng(0)
    raters, videos = np.repeat(np.arange(300), 20), rng.integers(300, size=6000)
    values = rng.normal(0, 0.4, 300)[raters] + rng.normal(0, 0.6, 300)[videos] + rng.normal(0, 1, 6000)
    found = components(values, raters, videos)
    assert [found.raters, found.videos, found.answers] == pytest.approx([0.16, 0.36, 1], rel=0.15)


@pytest.mark.parametrize("advantage", [-1.2, 0.0, 0.9])
def test_known_preferences_are_recovered(advantage):
    truth = Truth(advantage=advantage)
    result = analyse(pd.DataFrame(simulated_answers(truth, simulated_items(50), 60, 10, seed=3)))
    for comparison in result.comparisons:
        for share, interval in zip(truth.rates(), comparison.rates.values(), strict=True):
            assert interval.low <= share <= interval.high and interval.high - interval.low < 0.2
        expected = {-1.2: "theirs is preferred", 0.0: "no preference beyond noise", 0.9: "ours is preferred"}
        assert comparison.verdict == expected[advantage]


def test_a_whole_study_with_simulated_raters_recovers_their_preference(study, rate, tmp_path):
    people = Raters(Truth(advantage=3.0, videos=0.1, raters=0.1), seed=0)
    media = {name: item for item in study.items.values() for name in (item.first_media, item.second_media)}
    for number in range(30):

        def choose(trial, number=number):
            item = media[trial.left]
            sides = ["left", "right"] if trial.left == item.first_media else ["right", "left"]
            careless = number % 10 == 9 and item.is_check  # every tenth prefers noise
            words = dict(zip(("first", "second"), sides[::-1] if careless else sides, strict=True)) | {
                "neither": "neither"
            }
            return {question: words[people.answer(number, item, question)] for question in QUESTIONS}

        rate(study, study.start(None), choose)
    write_answers(tmp_path / "answers.csv", study.answers())
    result = analyse(read_answers(tmp_path / "answers.csv"))
    assert result.raters == {"all": 30, "failed": 3, "unchecked": 0, "kept": 27}
    first, _, _ = people.truth.rates()
    for comparison in result.comparisons:
        assert comparison.rates["first"].mean == pytest.approx(first, abs=0.1)
        assert comparison.verdict == "ours is preferred"


def test_the_report_shows_every_figure(tmp_path):
    rows = simulated_answers(Truth(advantage=1.0), simulated_items(20, ("ours", "a_b", "c")), 20, 6)
    result = analyse(pd.DataFrame(rows))
    page = write_study_report(tmp_path, result).read_text()
    table = pd.read_csv(tmp_path / "preferences.csv")
    assert list(table["second"]) == ["a_b", "a_b", "c", "c"] and (tmp_path / "figure.png").stat().st_size > 10_000
    for row in table.itertuples():
        assert f"{100 * row.rate_first:.1f} %" in page
        assert row.rate_first + row.rate_neither + row.rate_second == pytest.approx(1, abs=2e-4)
    assert "Bradley-Terry" in page and all(question in page for question in QUESTIONS.values())
    said = "\n".join(summary(result))
    assert "20 of 20 raters kept" in said and "ours vs. a_b" in said


def test_the_export_holds_no_personal_data(study, rate, tmp_path):
    tokens = [study.start(None) for _ in range(3)]
    for token in tokens:
        rate(study, token, lambda trial: dict.fromkeys(QUESTIONS, "neither"))
    write_answers(tmp_path / "answers.csv", study.answers())
    text = (tmp_path / "answers.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert not any(token in text for token in tokens) and "17000" not in text and "127.0.0.1" not in text
    table = read_answers(tmp_path / "answers.csv")
    assert set(table["rater"]) == {1, 2, 3} and table["seconds"].dtype == int


def test_another_table_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    for text, why in (("a,b\n1,2\n", "it lacks rater"), ("", ""), (f"{','.join(COLUMNS)}\n{'0,' * 11}0\n", "unknown")):
        path.write_text(text)
        with pytest.raises(ValueError, match=f"is no table of answers.*{why}.*: give what `vmas study export` wrote"):
            read_answers(path)


def test_one_rater_is_too_few():
    with pytest.raises(ValueError, match="intervals need two of each"):
        analyse(answers([(0, 1, "first"), (0, 2, "first")]))
