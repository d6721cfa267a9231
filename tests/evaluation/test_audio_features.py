import numpy as np
import pytest
import torch

from vmas_pipeline.audio.tagger import MusicTagger
from vmas_pipeline.evaluation.audio_features import AudioFeatureExtractor, AudioFeatures, Embedded
from vmas_pipeline.evaluation.embeddings.musicnn import Musicnn

TIME = np.arange(4 * 32_000) / 32_000
CLICKS = (np.sin(2 * np.pi * 440 * TIME) * np.exp(-8 * (TIME % 1))).astype(np.float32)


@pytest.fixture(scope="module")
def extractor():
    return AudioFeatureExtractor([Musicnn()])


def test_another_sample_rate_sounds_the_same_to_the_tagger(extractor):
    at_32k = extractor.embed(CLICKS[None], 32_000).embedded["mtt_musicnn"]
    at_16k = extractor.embed(CLICKS[None, ::2], 16_000).embedded["mtt_musicnn"]  # 440 Hz and its decay need no filter
    np.testing.assert_allclose(at_32k.probabilities, at_16k.probabilities, atol=0.02)


def test_a_clip_is_the_mean_over_its_patches(extractor):
    waveform = CLICKS[::2]
    features = extractor.embed(np.stack([waveform, waveform * 0.1]), 16_000)
    found, tagger = features.embedded["mtt_musicnn"], MusicTagger.load()
    torch.testing.assert_close(torch.from_numpy(found.vectors[0]), tagger.embeddings(waveform).mean(0))
    torch.testing.assert_close(torch.from_numpy(found.probabilities[0]), tagger.probabilities(waveform).mean(0))
    assert found.vectors.shape == (2, 200)
    assert len(features.prints) == 2 and features.onsets_s == []


def test_onsets_are_heard_where_the_notes_start(extractor):
    features = extractor.extract(CLICKS[None], 32_000)
    assert features.onsets_s[0][-3:] == pytest.approx([1, 2, 3], abs=0.05)


def test_known_onsets_are_kept(extractor):
    known = np.array([0.5], np.float32)
    assert extractor.extract(CLICKS[None], 32_000, [known]).onsets_s[0] is known


def test_tuning_is_measured_at_the_musics_own_rate(extractor):
    features = extractor.extract(np.stack([CLICKS, CLICKS]), 32_000, [])
    assert [each.in_tune for each in features.tunings] == [1.0, 1.0]  # A4, struck again and again


def test_music_heard_before_is_not_embedded_again_by_any_of_the_embeddings(tmp_path, monkeypatch):
    embeddings, waveform = [Musicnn(), Musicnn(data="MSD")], CLICKS[None, :32_000]
    first = AudioFeatureExtractor(embeddings, folder=tmp_path).embed(waveform, 32_000)
    assert list(first.embedded) == ["mtt_musicnn", "msd_musicnn"]
    assert not np.allclose(first.embedded["mtt_musicnn"].vectors, first.embedded["msd_musicnn"].vectors)
    monkeypatch.setattr(Musicnn, "load", lambda self: pytest.fail("it was loaded"))
    again = AudioFeatureExtractor(embeddings, folder=tmp_path).embed(waveform, 32_000)
    for name, found in first.embedded.items():
        np.testing.assert_array_equal(again.embedded[name].vectors, found.vectors)
    with pytest.raises(pytest.fail.Exception, match="it was loaded"):
        AudioFeatureExtractor(embeddings, folder=tmp_path).embed(0.5 * waveform, 32_000)


def test_parts_are_joined_in_order():
    parts = [
        AudioFeatures(
            embedded={"a": Embedded(vectors=np.full((2, 4), i), probabilities=np.full((2, 3), i))},
            onsets_s=[np.array([i])] * 2,
        )
        for i in (1.0, 2.0)
    ]
    joined = AudioFeatures.joined(parts)
    assert joined.embedded["a"].vectors[:, 0].tolist() == [1, 1, 2, 2]
    assert joined.embedded["a"].probabilities.shape == (4, 3)
    assert [onsets[0] for onsets in joined.onsets_s] == [1, 1, 2, 2]
