import dataclasses

import numpy as np
import pytest

from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.evaluation.figures import compute_figures, other_sources
from vmas_pipeline.features.peaks import flow_peaks


def test_metrics_have_the_contracts_names(figures):
    metrics = figures.metrics
    assert isinstance(metrics["fad"], float)
    assert isinstance(metrics["kl"], float)
    assert {"generated", "shuffled", "true"} <= set(metrics["mv_align"])
    assert {"generated", "shuffled", "true"} <= set(metrics["mv_align_local_maximum"])
    assert {"r_at_1", "r_at_10", "median_rank", "candidates"} <= set(metrics["retrieval"])
    assert metrics["clips"] == metrics["retrieval"]["candidates"] == 6


def test_every_figure_has_its_chance_level(figures):
    metrics = figures.metrics
    for name in ("fad", "kl", "kl_sigmoid", "genre_agreement"):
        assert {"chance", "ceiling"} <= set(metrics[f"{name}_reference"])
    assert metrics["retrieval"]["chance"] == {"r_at_1": 1 / 6, "r_at_10": 1.0, "median_rank": 3.5}
    assert metrics["genre_agreement_reference"]["ceiling"] >= 0.5


def test_the_true_music_fits_its_picture_and_untrained_music_does_not(figures):
    assert figures.metrics["mv_align"]["true"] > 0.6
    assert figures.metrics["mv_align"]["generated"] < 0.5


def test_alignment_is_the_mean_of_the_clips_own(figures, measured, world):
    rate = world.clip.frame_rate
    expected = [mv_align(o, flow_peaks(f, rate), rate) for o, f in zip(measured.true.onsets_s, measured.flow)]
    assert figures.clips["mv_align_true"].tolist() == pytest.approx(expected)
    assert figures.metrics["mv_align"]["true"] == pytest.approx(np.mean(expected))


def test_music_as_good_as_the_truth_reaches_the_ceiling(measured, config, world):
    perfect = dataclasses.replace(
        measured, generated=measured.true, codec=measured.true, video_vectors=measured.music_vectors
    )
    metrics = compute_figures(config, perfect, world.clip.frame_rate).metrics
    assert metrics["codec_onset_f1"] == 1
    assert metrics["fad"] == pytest.approx(0, abs=1e-6)
    assert metrics["kl"] == metrics["kl_sigmoid"] == 0
    assert metrics["mv_align"]["generated"] == metrics["mv_align"]["true"] > 2 * metrics["mv_align"]["shuffled"]
    assert metrics["genre_agreement"] == metrics["genre_agreement_reference"]["ceiling"]


def test_unlabelled_videos_have_no_genre_agreement(measured, config, world):
    unlabelled = dataclasses.replace(measured, rows=[{**row, "genre": None} for row in measured.rows])
    figures = compute_figures(config, unlabelled, world.clip.frame_rate)
    assert figures.metrics["genre_agreement"] is None
    assert figures.clips["genre_heard"].isna().all()


def test_a_shuffled_pairing_never_pairs_clips_of_one_source():
    sources = ["a", "a", "b", "c", "c", "c"]
    for own, others in zip(sources, other_sources(sources, 2)):
        assert len(others) == 2
        assert own not in {sources[other] for other in others}
    with pytest.raises(ValueError, match="all clips are of source a: a shuffled pairing needs two"):
        other_sources(["a", "a"], 2)
