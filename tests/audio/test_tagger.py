"""The tagger against the original musicnn under TensorFlow (golden_musicnn.py says how the arrays were made)."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from vmas_pipeline.audio.onsets import load_librosa
from vmas_pipeline.audio.tagger import LogMel, MusicTagger

HERE = Path(__file__).parent
MODELS = ("MTT_musicnn", "MSD_musicnn")


@pytest.fixture(scope="module")
def golden():
    return np.load(HERE / "golden_musicnn.npz")


@pytest.fixture(scope="module")
def signals():
    return {name: make() for name, make in runpy.run_path(str(HERE / "golden_signals.py")).items() if callable(make)}


@pytest.fixture(scope="module")
def tagger():
    return MusicTagger.load()


@pytest.mark.parametrize("model", MODELS)
def test_network_equals_the_original_on_fixed_patches(model, golden, signals):
    tagger = MusicTagger.load(model)
    with torch.inference_mode():
        probabilities, embeddings = tagger.network(torch.from_numpy(signals["patches"]))
    # float32 sums of a few hundred terms in another order: measured 1e-6 and 1e-5 on values up to 9
    np.testing.assert_allclose(probabilities, golden[f"{model}/network/probabilities"], atol=1e-5)
    np.testing.assert_allclose(embeddings, golden[f"{model}/network/penultimate"], atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_music_is_tagged_as_by_the_original(model, golden, signals):
    tagger = MusicTagger.load(model)
    tagged = tagger.tag(signals["music"])
    assert tagger.tags == golden[f"{model}/tags"].tolist()
    # the original rounds its spectrogram to float16 (5e-4 of a value): measured 1e-4 and 3e-3
    np.testing.assert_allclose(tagged.probabilities, golden[f"{model}/extractor/probabilities"], atol=5e-4)
    np.testing.assert_allclose(tagged.embeddings[:1], golden[f"{model}/extractor/penultimate"], atol=1e-2)


def test_log_mel_equals_librosas(signals):
    music = 20 * signals["music"]
    mel = load_librosa().feature.melspectrogram(y=music, sr=16_000, n_fft=512, hop_length=256, n_mels=96)
    np.testing.assert_allclose(LogMel()(torch.from_numpy(music)[None])[0].T, np.log10(10_000 * mel + 1), atol=3e-5)


def test_loud_music_stays_finite(tagger):
    loud = np.sin(2 * np.pi * 440 * np.arange(48_000) / 16_000)
    assert tagger.embeddings(loud).isfinite().all()


def test_a_batch_is_tagged_like_its_members(tagger, signals):
    music = signals["music"]
    batch = np.stack([music, music[::-1]])
    together, alone = tagger.tag(batch), tagger.tag(batch[1])
    assert together.embeddings.shape == (2, 2, 200)
    torch.testing.assert_close(together.probabilities[1], alone.probabilities, atol=1e-5, rtol=0)
    torch.testing.assert_close(tagger.probabilities(batch[1]), alone.probabilities)


@pytest.mark.parametrize(
    ("seconds", "patches"), [(0.01, 1), (1.0, 1), (3.0, 1), (3.1, 2), (5.0, 2), (6.0, 2), (10.0, 4)]
)
def test_patches_cover_the_whole_music(tagger, seconds, patches):
    silence = np.zeros(int(seconds * 16_000), np.float32)
    assert tagger.probabilities(silence).shape == (patches, 50)


def test_the_last_seconds_are_heard(tagger, signals):
    music = signals["music"][: 5 * 16_000].copy()
    before = tagger.probabilities(music)
    music[-8000:] = 0
    after = tagger.probabilities(music)
    torch.testing.assert_close(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_the_mean_is_over_the_patches(tagger, signals):
    tagged = tagger.tag(signals["music"])
    torch.testing.assert_close(tagged.mean().embeddings, tagged.embeddings.mean(0))


def test_unknown_model_is_named():
    with pytest.raises(ValueError, match="tagger 'MTT_vgg' is unknown: take 'MTT_musicnn' or 'MSD_musicnn'"):
        MusicTagger.load("MTT_vgg")


@pytest.mark.parametrize("shape", [(0,), (1, 2, 3)])
def test_wrong_shape_is_named(tagger, shape):
    with pytest.raises(ValueError, match=r"waveform has shape .*: give \[samples\] or \[batch, samples\], not empty"):
        tagger.tag(np.zeros(shape))
