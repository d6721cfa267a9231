import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from vmas_pipeline.media import local, write_video
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.cmt.composing import compose
from vmas_pipeline.systems.cmt.control import Bar, Control
from vmas_pipeline.systems.cmt.network import CMT, Sizes
from vmas_pipeline.systems.cmt.training import CMTConfig, fit
from vmas_pipeline.systems.cmt.words import BAR, BEAT, DENSITY, INSTRUMENT, PLACE, STRENGTH, TICK, TYPE
from vmas_pipeline.systems.symbolic.notes import score_of

CONFIG = CMTConfig(width=32, layers=1, heads=2, steps=20, batch=4, validate_every=10)


@pytest.fixture(scope="module")
def fitted(features):
    folder = features.parent / "model"
    return folder, fit(CONFIG, features, folder)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return CMT(Sizes(width=32, layers=1, heads=2)).eval()


CONTROL = Control(
    tempo=120,
    ticks=44,
    bars=(Bar(density=4, beats=((3, 2), (10, 5))), Bar(density=1, beats=()), Bar(density=9, beats=((0, 3),))),
)


def test_every_visual_beat_gets_three_instruments_at_its_tick(network):
    (words,) = compose(network, [CONTROL], [0])
    placed = {tuple(word[[TICK, INSTRUMENT, STRENGTH]]) for word in words if word[BEAT] != BAR}
    for tick, strength in ((3, 2), (10, 5), (32, 3)):
        assert placed >= {(tick, instrument, strength) for instrument in (1, 2, 3)}


def test_the_piece_has_the_videos_bars_and_their_density_if_asked_for(network):
    for replaced in (0.0, 1.0):
        (bars,) = compose(network, [CONTROL], [1], replaced=replaced)
        bars = bars[(bars[:, BEAT] == BAR) & (bars[:, TYPE] == PLACE)]
        assert bars[:, TICK].tolist() == [0, 16, 32]
    assert bars[:, DENSITY].tolist() == [4, 1, 9]


def test_a_bar_is_written_from_its_first_tick_to_its_last(network):
    for words in compose(network, [CONTROL] * 3, [0, 1, 2]):
        assert (np.diff(words[:, TICK]) >= 0).all()


def test_the_seed_decides_and_pieces_do_not_depend_on_each_other(network):
    short = Control(tempo=90, ticks=9, bars=CONTROL.bars[:1])
    together = compose(network, [CONTROL, short, CONTROL, CONTROL], [0, 0, 1, 0])
    np.testing.assert_array_equal(together[0], together[3])
    assert together[0].shape != together[2].shape or (together[0] != together[2]).any()
    for piece, control, seed in zip(together, (CONTROL, short, CONTROL), (0, 0, 1)):
        np.testing.assert_array_equal(piece, compose(network, [control], [seed])[0])


def test_a_network_that_never_ends_a_bar_is_stopped(monkeypatch):
    monkeypatch.setattr("vmas_pipeline.systems.cmt.composing.LONGEST_BAR", 20)
    torch.manual_seed(0)
    stuck = CMT(Sizes(width=32, layers=1, heads=2)).eval()
    with torch.no_grad():
        stuck.heads[BEAT].bias[BAR] = -1e9
    (words,) = compose(stuck, [CONTROL], [0])
    assert (words[:, BEAT] == BAR).sum() == 3 and len(words) == 3 * 21


def test_training_learns_and_repeats(fitted, features, tmp_path):
    assert fitted[1]["validation"] < 0.9 * np.mean(np.log([18, 3, 18, 129, 18, 6, 20]))
    assert fit(CONFIG, features, tmp_path / "again") == fitted[1]
    assert load_system("cmt", tmp_path / "again").revision == load_system("cmt", fitted[0]).revision


def test_clips_get_music_whatever_the_batch(fitted, samples):
    system = load_system("cmt", fitted[0])
    music = system.generate_clips(samples[:3], seed=1)
    assert music.shape == (3, 80_000) and music.dtype == np.float32 and np.abs(music).max() <= 1
    assert np.abs(music).max(axis=1).min() > 1e-3
    np.testing.assert_array_equal(system.generate_clips(samples[1:2], seed=1)[0], music[1])
    assert not np.array_equal(system.generate_clips(samples[:1], seed=2)[0], music[0])
    about = system.about()
    assert about["parameters"] > 1000 and about["pieces"] == 6 and about["soundfont"] == "TimGM6mb.sf2"
    json.dumps(about)


def test_films_of_any_length_get_music(fitted, samples, tmp_path):
    system = load_system("cmt", fitted[0])
    film = system.generate(local(samples[0].row["source_path"]), seed=0, seconds=3.0)
    assert film.waveform.shape == (1, 48_000)
    still = np.full((30, 48, 64, 3), 90, np.uint8)
    for name, frames, rate in (("still", still, 10), ("short", still[:1], 10)):
        write_video(tmp_path / f"{name}.mp4", frames, rate, None, 0)
        music = system.generate(tmp_path / f"{name}.mp4")
        assert music.waveform.shape[1] == pytest.approx(16_000 * len(frames) / rate, rel=0.1)


def test_a_folder_of_midi_in_place_of_the_films_scores(world, samples, tmp_path):
    (tmp_path / "midi" / "deeper").mkdir(parents=True)
    for i, sample in enumerate(samples):
        shutil.copy(score_of(sample.row), tmp_path / "midi" / "deeper" / f"{i}.MID")
    config = dataclasses.replace(CONFIG, steps=2, midi=tmp_path / "midi")
    fit(config, world.features, tmp_path / "model")
    assert load_system("cmt", tmp_path / "model").about()["pieces"] == 5  # the sixth is for validation


def test_without_scores_the_way_out_is_named(world, tmp_path):
    (tmp_path / "midi").mkdir()
    with pytest.raises(ValueError, match=r"no scores to learn from in .*midi: put NAME\.mid beside the films, name"):
        fit(dataclasses.replace(CONFIG, midi=tmp_path / "midi"), world.features, tmp_path / "model")
    with pytest.raises(ValueError, match="is no model of CMT: train it as a variant of the comparison"):
        load_system("cmt", tmp_path)


def test_published_weights_take_the_place_of_a_training(world, tmp_path):
    from vmas_pipeline.systems.cmt.published import published_names

    torch.manual_seed(0)
    ours = CMT(Sizes(width=64, layers=1, heads=8)).state_dict()
    weights = tmp_path / "loss_8_params.pt"
    torch.save({f"module.{theirs}": ours[name] for name, theirs in published_names(1).items()}, weights)
    config = CMTConfig(weights=weights)
    fit(config, world.features, tmp_path / "model")
    system = load_system("cmt", tmp_path / "model")
    assert config.clips_seen == 0 and system.network.sizes.heads == 8
    torch.testing.assert_close(dict(system.network.state_dict()), dict(ours))
