"""The systems that no model is behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.media import read_audio
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.strikes import strikes

RULES = ("silence", "metronome", "flow_peaks", "random_track", "shuffled_truth", "nearest_track")


@pytest.fixture(scope="module")
def samples(world):
    return list(read_clips(world.features / "test", read_index(world.features / "test")))


def own_music(row) -> np.ndarray:
    return read_audio(row["audio_path"], sample_rate=16_000, duration_s=5.0)[0]


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_fills_the_clip_and_the_film_whatever_the_batch(kind, world, samples):
    system = load_system(kind, world.features)
    music = system.generate_clips(samples, seed=1)
    assert music.shape == (6, 80_000) and music.dtype == np.float32 and np.abs(music).max() <= 1
    np.testing.assert_array_equal(system.generate_clips(samples[2:3], seed=1)[0], music[2])
    film = system.generate(Path(samples[0].row["source_path"]), seed=1, seconds=2.5)
    assert film.waveform.shape == (1, 40_000)
    assert system.about()["rule"] and system.revision and system.clip is None


def test_silence_is_silent(world, samples):
    assert not load_system("silence", world.features).generate_clips(samples).any()


def test_strikes_are_heard_where_they_are_set():
    times = np.array([0.5, 1.3, 1.5, 3.0])
    heard = onset_times(strikes(times, 4.0, 16_000), 16_000)
    np.testing.assert_allclose(heard, times, atol=0.03)
    assert not strikes(np.zeros(0), 1.0, 16_000).any()


def test_striking_at_the_peaks_of_motion_aligns_and_a_metronome_does_not(world, samples):
    scores = {}
    for kind in ("flow_peaks", "metronome"):
        music = load_system(kind, world.features).generate_clips(samples)
        scores[kind] = np.mean(
            [mv_align(onset_times(m, 16_000), s.peaks_s, 9.6) for m, s in zip(music, samples, strict=True)]
        )
    assert scores["flow_peaks"] > 0.8 > 0.5 > scores["metronome"]


def test_the_metronome_has_the_training_splits_rate_of_peaks(world):
    curves = pd.read_parquet(world.features / "curves.parquet")
    peaks = sum(map(len, curves.loc[curves["split"] == "train", "peaks_s"]))
    period_s = load_system("metronome", world.features).period_s
    assert period_s == pytest.approx(6 * 5.0 / peaks)


def test_tracks_are_true_music_of_other_films(world, samples):
    split = world.manifest.set_index("split")
    for kind, place in (("random_track", "train"), ("nearest_track", "train"), ("shuffled_truth", "test")):
        theirs = [own_music(row) for _, row in split.loc[place].iterrows()]
        music = load_system(kind, world.features).generate_clips(samples)
        for made, sample in zip(music, samples, strict=True):
            assert any(np.array_equal(made, true) for true in theirs)
            assert not np.array_equal(made, own_music(sample.row))


def test_the_nearest_film_is_found_among_others(world):
    """A training clip's own source is left out; a copy of its picture under another name finds it."""
    import dataclasses

    index = read_index(world.features / "train")
    sample = next(read_clips(world.features / "train", index.iloc[[3]]))
    copy = dataclasses.replace(sample, row={**sample.row, "source_id": "another"})
    system = load_system("nearest_track", world.features)
    found, other = system.generate_clips([copy]), system.generate_clips([sample])
    np.testing.assert_array_equal(found[0], own_music(sample.row))
    assert not np.array_equal(other[0], found[0])


def test_seeds_draw_other_tracks(world, samples):
    system = load_system("random_track", world.features)
    drawn = {system.generate_clips(samples, seed).tobytes() for seed in range(4)}
    assert len(drawn) == 4


def test_without_features_the_way_out_is_named(tmp_path):
    for kind in ("metronome", "random_track"):
        with pytest.raises(ValueError, match="run `kedro run --pipelines=features` first"):
            load_system(kind, tmp_path)
