import numpy as np
import pytest
import torch

from vmas_pipeline.audio.tagger import MusicTagger
from vmas_pipeline.evaluation.audio_features import AudioFeatureExtractor, AudioFeatures

TIME = np.arange(4 * 32_000) / 32_000
CLICKS = (np.sin(2 * np.pi * 440 * TIME) * np.exp(-8 * (TIME % 1))).astype(np.float32)


@pytest.fixture(scope="module")
def tagger():
    return MusicTagger.load()


def test_another_sample_rate_sounds_the_same_to_the_tagger(tagger):
    at_32k = AudioFeatureExtractor(tagger, 32_000).tags(CLICKS[None])
    at_16k = AudioFeatureExtractor(tagger, 16_000).tags(CLICKS[None, ::2])  # 440 Hz and its decay need no filter
    np.testing.assert_allclose(at_32k.probabilities, at_16k.probabilities, atol=0.02)


def test_a_clip_is_the_mean_over_its_patches(tagger):
    waveform = CLICKS[::2]
    heard = AudioFeatureExtractor(tagger, 16_000).tags(np.stack([waveform, waveform * 0.1]))
    torch.testing.assert_close(torch.from_numpy(heard.embeddings[0]), tagger.embeddings(waveform).mean(0))
    assert heard.embeddings.shape == (2, 200)
    assert heard.onsets_s == []


def test_onsets_are_heard_where_the_notes_start(tagger):
    heard = AudioFeatureExtractor(tagger, 32_000).extract(CLICKS[None])
    assert heard.onsets_s[0][-3:] == pytest.approx([1, 2, 3], abs=0.05)


def test_known_onsets_are_kept(tagger):
    known = np.array([0.5], np.float32)
    assert AudioFeatureExtractor(tagger, 32_000).extract(CLICKS[None], [known]).onsets_s[0] is known


def test_tuning_is_measured_at_the_musics_own_rate(tagger):
    heard = AudioFeatureExtractor(tagger, 32_000).extract(np.stack([CLICKS, CLICKS]), [])
    assert [each.in_tune for each in heard.tunings] == [1.0, 1.0]  # A4, struck again and again


def test_parts_are_joined_in_order():
    parts = [
        AudioFeatures(probabilities=np.full((2, 3), i), embeddings=np.full((2, 4), i), onsets_s=[np.array([i])] * 2)
        for i in (1.0, 2.0)
    ]
    joined = AudioFeatures.joined(parts)
    assert joined.embeddings[:, 0].tolist() == [1, 1, 2, 2]
    assert [onsets[0] for onsets in joined.onsets_s] == [1, 1, 2, 2]
