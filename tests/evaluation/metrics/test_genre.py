import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.genre import genre_agreement

CENTRES = {"folk": [0.0, 4.0, 0.0], "techno": [4.0, 0.0, 0.0], "waltz": [0.0, 0.0, 4.0]}


def clips(genres, seed):
    noise = np.random.default_rng(seed).standard_normal((len(genres), 3)) * 0.3
    return np.array([CENTRES[genre] for genre in genres]) + noise


TRAINING = np.repeat(list(CENTRES), 20)
GENRES = np.tile(list(CENTRES), 10)


def test_music_of_the_videos_genre_agrees():
    report = genre_agreement((clips(TRAINING, 0), TRAINING), clips(GENRES, 1), clips(GENRES, 2), GENRES)
    assert report.agreement == report.ceiling == 1.0
    assert report.chance == pytest.approx(1 / 3)
    assert report.predicted.tolist() == GENRES.tolist()


def test_music_of_one_genre_agrees_by_chance_only():
    always_folk = clips(["folk"] * len(GENRES), 2)
    report = genre_agreement((clips(TRAINING, 0), TRAINING), clips(GENRES, 1), always_folk, GENRES)
    assert report.agreement == pytest.approx(1 / 3)
    assert report.chance == pytest.approx(1 / 3)


def test_one_genre_alone_is_refused():
    with pytest.raises(ValueError, match=r"genres \(folk\) must be two or more"):
        genre_agreement((np.zeros((4, 3)), np.repeat("folk", 4)), np.zeros((2, 3)), np.zeros((2, 3)), ["folk"] * 2)


def test_lengths_that_differ_are_named():
    with pytest.raises(ValueError, match=r"true \(2\), generated \(3\), genres \(2\) differ in length"):
        genre_agreement((clips(TRAINING, 0), TRAINING), np.zeros((2, 3)), np.zeros((3, 3)), ["folk"] * 2)
