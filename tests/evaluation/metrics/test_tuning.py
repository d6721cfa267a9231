import pytest

from vmas_pipeline.audio.pitch import Tuning
from vmas_pipeline.evaluation.metrics.tuning import tuning_results

MUSIC = [Tuning(in_tune=0.9, in_key=1.0, in_key_chance=0.8), Tuning(in_tune=0.7, in_key=0.8, in_key_chance=0.7)]
FALSE = [Tuning(in_tune=0.5, in_key=0.7, in_key_chance=0.8)] * 2


def test_each_share_is_a_mean_over_the_clips_with_its_levels():
    tune, key = tuning_results(FALSE, ["a", "b"], {"true": MUSIC, "codec": FALSE})
    assert (tune.name, tune.value, tune.chance, tune.ceiling) == ("in_tune", 0.5, 0.5, pytest.approx(0.8))
    assert (key.name, key.value, key.chance) == ("in_key", 0.7, 0.8)
    assert key.ceiling == pytest.approx(0.9)
    assert (tune.position, key.position) == (0, 0)
    assert tune.levels == {"true": pytest.approx(0.8), "codec": 0.5}
    assert "through the codec 0.500" in tune.note


def test_without_true_music_there_is_no_ceiling():
    tune, key = tuning_results(MUSIC, ["a", "b"])
    assert tune.ceiling is key.ceiling is None
    assert tune.interval[0] == pytest.approx(0.7) and tune.interval[1] == pytest.approx(0.9)
    assert key.chance == pytest.approx(0.75)


def test_true_music_is_in_tune_and_noise_of_untrained_weights_less_so(results, clips):
    assert results["in_tune"].ceiling > 0.7
    assert results["in_tune"].value == pytest.approx(clips["in_tune_generated"].mean())
    assert results["in_tune"].value < results["in_tune"].ceiling
    assert results["in_key"].chance > 7 / 12
