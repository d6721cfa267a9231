import dataclasses
import json

import pytest

from vmas_pipeline.evaluation.evaluate import compute_metrics
from vmas_pipeline.evaluation.result import MetricResult, results_of, to_metrics


def test_metrics_keep_the_names_that_outside_readers_know(results):
    metrics = to_metrics(results.values())
    assert isinstance(metrics["fad"], float)
    assert isinstance(metrics["kl"], float)
    levels = {"generated", "shuffled", "true", "codec", "metronome", "random", "shifted", "oracle"}
    assert levels == set(metrics["mv_align"]) == set(metrics["mv_align_local_maximum"])
    assert {"r_at_1", "r_at_10", "median_rank", "candidates"} == set(metrics["retrieval"])
    assert metrics["retrieval"]["candidates"] == 6


def test_results_come_back_from_json_without_the_clips_own_values(results):
    read = results_of(json.loads(json.dumps(to_metrics(results.values()))))
    assert read == [dataclasses.replace(result, per_clip={}) for result in results.values()]


def test_every_result_has_its_levels_and_says_what_it_was_measured_with(results):
    for name in ("mv_align", "mv_align_local_maximum", "fad", "kl", "kl_sigmoid", "genre_agreement", "r_at_10"):
        result = results[name]
        assert result.chance is not None and result.ceiling is not None and result.measured_with
    assert results["r_at_1"].chance == 1 / 6
    assert results["median_rank"].chance == 3.5
    assert results["genre_agreement"].levels["clips"] == 6


@pytest.mark.parametrize(
    ("chance", "ceiling", "higher", "position"),
    [
        (0.1, 0.9, True, 0.5),
        (0.9, 0.1, False, 0.5),
        (0.6, 0.9, True, 0.0),  # worse than chance
        (0.1, 0.3, True, 1.0),
        (0.5, 0.5, True, None),
        (0.9, 0.1, True, None),  # blind play beats the truth: no scale
        (None, 1.0, True, None),
    ],
)
def test_a_value_stands_between_chance_and_ceiling(chance, ceiling, higher, position):
    result = MetricResult(name="x", title="X", value=0.5, chance=chance, ceiling=ceiling, higher_is_better=higher)
    assert result.position == (position if position is None else pytest.approx(position))


def test_a_judge_that_knows_the_clips_hears_their_genres(measured):
    taught = {"training": measured.true, "training_codec": measured.codec, "training_rows": measured.rows}
    found = {result.name: result for result in compute_metrics(dataclasses.replace(measured, **taught))}
    assert found["genre_agreement"].ceiling == 1


def test_music_as_good_as_the_truth_reaches_the_ceiling(measured):
    vectors = (measured.vectors[1], measured.vectors[1])
    perfect = dataclasses.replace(measured, generated=measured.true, codec=measured.true, vectors=vectors)
    found = {result.name: result for result in compute_metrics(perfect)}
    assert found["codec_onset_f1"].value == 1
    assert found["fad"].value == pytest.approx(0, abs=1e-6)
    assert found["kl"].value == found["kl_sigmoid"].value == 0
    assert found["mv_align"].value == found["mv_align"].ceiling > found["mv_align"].chance
    assert found["genre_agreement"].value == found["genre_agreement"].ceiling
    assert found["r_at_1"].value == 1


def test_unlabelled_videos_have_no_genre_agreement(measured):
    unlabelled = dataclasses.replace(measured, rows=[{**row, "genre": None} for row in measured.rows])
    found = {result.name: result for result in compute_metrics(unlabelled)}
    assert found["genre_agreement"].value is None


def test_a_system_without_embeddings_has_no_retrieval(measured):
    found = {result.name for result in compute_metrics(dataclasses.replace(measured, vectors=None))}
    assert "mv_align" in found and "r_at_10" not in found
