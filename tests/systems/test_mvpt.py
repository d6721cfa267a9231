import numpy as np
import pytest
import torch

from vmas_pipeline.evaluation.metrics.retrieval import retrieval
from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.media import read_audio
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.mvpt import SEGMENTS, MVPtConfig, fit, music_feature_extractor, video_segments


@pytest.fixture(scope="module")
def fitted(features):
    folder = features.parent / "model"
    found = fit(MVPtConfig(steps=60, batch=6, dropout=0.0, validate_every=10), features, folder)
    return folder, found


def samples(features, split):
    return list(read_clips(features / split, read_index(features / split)))


def test_what_it_has_seen_it_finds(fitted, features):
    folder, found = fitted
    assert found["validation"] < 0.5 * np.log(6)
    system = load_system("mvpt", folder)
    assert retrieval(*system.embed(samples(features, "train"))).r_at_1 == 1
    embedded = system.embed(samples(features, "train"))[1]
    np.testing.assert_allclose(embedded, system.tracks.numpy(), atol=1e-5)


def test_a_video_gets_another_films_training_track(fitted, features, world):
    system = load_system("mvpt", fitted[0])
    rows = world.manifest[world.manifest["split"] == "train"]
    tracks = [read_audio(path, sample_rate=16_000, duration_s=5.0)[0] for path in rows["audio_path"]]
    for split in ("test", "train"):
        music = system.generate_clips(samples(features, split))
        assert all(any(np.array_equal(made, track) for track in tracks) for made in music)
    assert not any(np.array_equal(made, track) for made, track in zip(music, tracks, strict=True))
    assert system.about()["parameters"] > 10_000 and system.about()["tracks"] == 6


def test_the_same_seed_gives_the_same_model(fitted, features, tmp_path):
    again = fit(MVPtConfig(steps=60, batch=6, dropout=0.0, validate_every=10), features, tmp_path / "again")
    assert again == fitted[1]
    assert load_system("mvpt", tmp_path / "again").revision == load_system("mvpt", fitted[0]).revision


def test_segments_follow_the_picture_and_the_sound():
    frames = np.zeros((40, 64, 64, 3), np.uint8)
    frames[20:, :, :, 0] = 255  # red from the middle on
    colours, changes = video_segments(frames).reshape(SEGMENTS, 2, -1, 3).unbind(1)
    assert torch.equal(colours[:, :, 0].mean(dim=1), torch.tensor([0.0] * 5 + [1.0] * 5))
    assert changes[:, :, 0].mean(dim=1).nonzero().flatten().tolist() == [5]
    click = np.zeros(160_000, np.float32)
    click[80_500] = 1.0
    bands, rises = music_feature_extractor(16_000)(click).reshape(SEGMENTS, 2, -1).unbind(1)
    assert rises.sum(dim=1).argmax() == 5 and bands.sum(dim=1).argmax() == 5


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no model of MVPt: train it as a variant of the comparison"):
        load_system("mvpt", tmp_path)
