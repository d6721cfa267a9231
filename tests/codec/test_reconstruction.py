import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from vmas_pipeline.audio.mel import mel_distance
from vmas_pipeline.audio.onsets import match_times
from vmas_pipeline.codec.reconstruction import measure, onset_f1


@pytest.mark.parametrize("seed", range(20))
def test_matching_is_as_large_as_scipys(seed):
    draw = np.random.default_rng(seed)
    first, second = np.sort(draw.uniform(0, 2, 15)), np.sort(draw.uniform(0, 2, 12))
    near = csr_array(np.abs(first[:, None] - second) <= 0.1)
    assert len(match_times(first, second, 0.1)) == (maximum_bipartite_matching(near) >= 0).sum()


def test_onset_f1_of_empty_lists():
    none, one = np.zeros(0), np.ones(1)
    assert onset_f1(none, none) == 1.0
    assert onset_f1(none, one) == onset_f1(one, none) == 0.0


def test_halving_the_amplitude_is_six_decibels():
    waveform = 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))
    distance = mel_distance(waveform, waveform / 2, 16000)
    torch.testing.assert_close(distance, torch.full((2,), 6.0206), atol=1e-3, rtol=0)
    assert mel_distance(waveform, waveform, 16000).max() == 0


class ClickCodec:
    """Codes [B, 2, T] in which the first codebook counts up and the second repeats it; decodes to its input."""

    sample_rate, frame_rate, codebooks, card = 16000, 50.0, 2, 8
    code_vectors = torch.stack([torch.eye(8), torch.zeros(8, 8)])

    def encode(self, waveform):
        self.waveform = waveform
        steps = torch.arange(waveform.shape[-1] // 320) % 8
        return steps.expand(len(waveform), 2, -1)

    def decode(self, codes, first_token=0):
        return self.waveform


def test_measure_counts_codes():
    clicks = torch.zeros(2, 1, 16000 * 4)
    clicks[..., 8000::16000] = 1.0
    found = measure(ClickCodec(), clicks)
    assert found.onset_f1 == 1.0
    assert found.pitch == 1.0
    assert found.chroma == pytest.approx(1.0)
    assert found.mel_db == [0.0, 0.0]
    assert found.usage == [1.0, 1.0]
    np.testing.assert_allclose(found.perplexity, 8.0, rtol=1e-3)
    np.testing.assert_allclose(found.conditional_perplexity, 1.0, rtol=1e-6)
    assert set(found.as_metrics()) >= {
        "codec/onset_f1",
        "codec/pitch",
        "codec/chroma",
        "codec/mel_db",
        "codec/perplexity_1",
        "codec/mel_db_first_1",
    }
