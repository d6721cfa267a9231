import dataclasses

import numpy as np
import pytest

from vmas_pipeline.evaluation.metrics.memorisation import best_matches, by_embedding, by_fingerprint, nearest


def test_the_nearest_is_found_clip_by_clip():
    random = np.random.default_rng(0)
    vectors, pool = random.standard_normal((5, 3)), random.standard_normal((9, 3))
    index, distance = nearest(vectors, pool)
    for i, vector in enumerate(vectors):
        lengths = [np.linalg.norm(vector - other) for other in pool]
        assert (index[i], distance[i]) == (np.argmin(lengths), pytest.approx(min(lengths)))


def test_a_copy_is_found_at_another_start():
    random = np.random.default_rng(1)
    pool = [random.integers(1, 2**32, 100, dtype=np.uint32) for _ in range(6)]
    copies = [np.concatenate([random.integers(1, 2**32, 10, dtype=np.uint32), pool[4][:90]]), pool[2][12:]]
    index, errors = best_matches(copies, pool)
    assert index.tolist() == [4, 2] and errors.tolist() == [0, 0]
    unrelated = best_matches([random.integers(1, 2**32, 100, dtype=np.uint32)], pool)[1]
    assert 0.4 < unrelated[0] < 0.5
    assert best_matches([np.zeros(0, np.uint32)], pool)[1].tolist() == [1]  # silence is no copy


def test_unseen_music_is_measured_as_such_and_names_its_nearest(results, measured):
    training = {row["clip_id"] for row in measured.training_rows}
    assert results["training_distance"].ceiling == 1 and results["training_distance"].value > 0
    assert set(results["training_distance"].per_clip["nearest_training_clip"]) <= training
    assert set(results["copied"].per_clip["fingerprint_training_clip"]) <= training


def test_a_system_that_plays_the_training_set_is_found_out(measured):
    thief = dataclasses.replace(measured, generated=measured.training_codec)
    distance, close = by_embedding(thief)
    assert (distance.value, close.value) == (pytest.approx(0, abs=1e-5), 1)
    copied = by_fingerprint(thief)
    assert copied.value == 1 and copied.levels["lowest_error"] == 0
    names = [row["clip_id"] for row in measured.training_rows]
    assert distance.per_clip["nearest_training_clip"].tolist() == names
    assert copied.per_clip["fingerprint_training_clip"].tolist() == names
