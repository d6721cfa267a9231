import dataclasses
import json

import numpy as np
import pytest
import torch

from vmas_pipeline.media import local, write_video
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.video2music.arranging import arrange, velocity
from vmas_pipeline.systems.video2music.chords import END, NONE, number_of
from vmas_pipeline.systems.video2music.features import FEATURES, seconds_of
from vmas_pipeline.systems.video2music.network import Video2Music
from vmas_pipeline.systems.video2music.training import Video2MusicConfig, fit

CONFIG = Video2MusicConfig(width=32, layers=1, heads=2, steps=40, batch=6, learning_rate=1e-2, dropout=0.0)
C, AM = number_of(0, "maj"), number_of(9, "min")


@pytest.fixture(scope="module")
def fitted(features):
    folder = features.parent / "model"
    return folder, fit(CONFIG, features, folder)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Video2Music(FEATURES, 32, 1, 2, 0.1).eval()


def video(seconds, seed=0):
    return torch.randn(seconds, FEATURES, generator=torch.Generator().manual_seed(seed))


def test_a_cut_begins_a_scene_and_motion_is_seen():
    frames = np.full((40, 64, 64, 3), 30, np.uint8)
    frames[15:] = (200, 40, 90)
    frames[30:, :32] += 2 * np.arange(10, dtype=np.uint8)[:, None, None, None]  # it brightens a little
    found = seconds_of(frames, 10.0)
    assert found.shape == (4, FEATURES) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, -1], [0.0, 1.0, 0.5, 1.5])  # seconds since the cut at 1.5 s
    assert found[0, -2] == found[2, -2] == 0 < found[3, -2]
    np.testing.assert_allclose(found[0, :-2], 30 / 255, atol=1e-6)
    assert seconds_of(frames[:1], 9.6).shape == seconds_of(frames[:3], 9.6).shape == (1, FEATURES)


def test_a_chord_depends_on_those_before_it_and_on_the_whole_video(network):
    chords = torch.tensor([[C, AM, C, AM]])
    other = torch.tensor([[C, AM, C, C]])
    minor = torch.zeros(1)
    with torch.inference_mode():
        first, second = (network.logits(video(4)[None], each, minor) for each in (chords, other))
        seen = network.logits(torch.cat([video(3), video(1, seed=1)])[None], chords, minor)
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3], second[:, 3]) and not torch.allclose(first[:, 0], seen[:, 0])


@pytest.mark.parametrize("seconds", [1, 2, 5, 23])
def test_a_film_of_any_length_has_a_chord_each_second(network, seconds):
    with torch.no_grad():
        network.exit.bias[[NONE, END, C]] = 4.0
    write = [network.write(video(seconds), C, False, 5, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert all(len(chords) == seconds and chords[0] == C for chords in write)
    assert write[0] == write[1] and (seconds < 5 or write[0] != write[2])
    assert not {NONE, END} & set(write[0])
    runs = [chords[i : i + 3] for chords in write for i in range(seconds - 2)]
    assert not any(len(set(run)) == 1 for run in runs)


def test_louder_seconds_are_busier_and_harder_struck():
    notes = arrange([C] * 5, np.array([0.02, 0.10, 0.15, 0.20, 0.60]), shift=0)
    counts = np.bincount([int(note.start_s) for note in notes])
    assert counts.tolist() == [2, 3, 4, 6, 8]
    assert (velocity(0), velocity(50)) == (49, 112)
    hardest = [max(note.velocity for note in notes if int(note.start_s) == second) for second in range(5)]
    assert hardest == sorted(hardest) and hardest[-1] == 112
    assert {round(note.start_s % 0.125, 6) for note in notes} == {0.0}


def test_an_arpeggio_is_of_its_chord_from_the_bass_up():
    notes = arrange([AM, NONE, AM], np.full(3, 0.15), shift=2)
    assert [note.pitch for note in notes[:4]] == [47, 57 + 2, 60 + 2, 64 + 2]  # B in the bass
    assert {int(note.start_s) for note in notes} == {0, 2}
    assert {(note.pitch - 2) % 12 for note in notes} == {9, 0, 4}


def test_what_it_has_seen_it_knows(fitted, features, tmp_path):
    assert fitted[1]["validation"] < 0.5 * np.log(159)
    again = fit(CONFIG, features, tmp_path / "again")
    assert again == fitted[1]
    assert load_system("video2music", tmp_path / "again").revision == load_system("video2music", fitted[0]).revision


def test_clips_get_music_whatever_the_batch(fitted, samples):
    system = load_system("video2music", fitted[0])
    music = system.generate_clips(samples[:3], seed=1)
    assert music.shape == (3, 80_000) and music.dtype == np.float32 and 1e-3 < np.abs(music).max() <= 1
    np.testing.assert_array_equal(system.generate_clips(samples[1:2], seed=1)[0], music[1])
    assert not np.array_equal(system.generate_clips(samples[:1], seed=2)[0], music[0])
    about = system.about()
    assert about["parameters"] > 1000 and sum(count for _, _, count in about["keys"]) == 6
    json.dumps(about)


def test_films_of_any_length_get_music(fitted, samples, tmp_path):
    system = load_system("video2music", fitted[0])
    film = system.generate(local(samples[0].row["source_path"]), seconds=4.5)
    assert film.waveform.shape == (1, 72_000)
    still = np.full((120, 48, 64, 3), 90, np.uint8)
    for name, frames in (("still", still), ("short", still[:1])):
        write_video(tmp_path / f"{name}.mp4", frames, 10, None, 0)
        music = system.generate(tmp_path / f"{name}.mp4")
        assert music.waveform.shape[1] == pytest.approx(1600 * len(frames), rel=0.1)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no model of Video2Music: train it as a variant of the comparison"):
        load_system("video2music", tmp_path)
    assert dataclasses.replace(CONFIG, steps=3).clips_seen == 18
