import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from vmas_pipeline.evaluation.metrics.retrieval import chance_recall, group_recall, retrieval

random = np.random.default_rng(0)
VIDEO, MUSIC = random.standard_normal((60, 8)), random.standard_normal((60, 8))


def test_recall_equals_sklearns_top_k_accuracy():
    music = MUSIC + VIDEO
    cosine = (VIDEO / np.linalg.norm(VIDEO, axis=1)[:, None]) @ (music / np.linalg.norm(music, axis=1)[:, None]).T
    report = retrieval(VIDEO, music)
    assert report.r_at_1 == pytest.approx(top_k_accuracy_score(range(60), cosine, k=1))
    assert report.r_at_10 == pytest.approx(top_k_accuracy_score(range(60), cosine, k=10))
    assert report.median_rank == np.median([1 + (row > row[i]).sum() for i, row in enumerate(cosine)])


def test_each_ones_own_vector_is_found_first():
    report = retrieval(VIDEO, 3 * VIDEO)
    assert (report.r_at_1, report.r_at_10, report.median_rank) == (1.0, 1.0, 1.0)
    assert report.candidates == 60


def test_one_vector_for_all_is_chance():
    report = retrieval(VIDEO, np.ones_like(MUSIC))
    assert report.r_at_1 == pytest.approx(chance_recall(60, 1)) == pytest.approx(1 / 60)
    assert report.r_at_10 == pytest.approx(chance_recall(60, 10))
    assert report.median_rank == 30.5


def test_chance_never_exceeds_one():
    assert chance_recall(4, 10) == 1.0


def test_knowing_the_group_alone_finds_within_the_group():
    assert group_recall(np.repeat(["a", "b"], 50), 10) == pytest.approx(0.2)
    assert group_recall(np.repeat(["a", "b"], 5), 10) == 1.0


def test_shapes_and_empty_vectors_are_named():
    with pytest.raises(ValueError, match=r"video has shape \(60, 8\) and music \(59, 8\)"):
        retrieval(VIDEO, MUSIC[1:])
    with pytest.raises(ValueError, match="music row 3 has length 0"):
        retrieval(VIDEO, np.where(np.arange(60)[:, None] == 3, 0, MUSIC))
