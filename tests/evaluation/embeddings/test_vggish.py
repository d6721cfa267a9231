"""VGGish against its definition written out with NumPy and torch's functions, on small weights in the port's layout."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from vmas_pipeline.evaluation.embeddings.vggish import LogMel, VGGish

WIDTHS = (4, 6, 8, 8, 10, 10)
PLACES = (0, 3, 6, 8, 11, 13)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    state = {}
    for place, before, width in zip(PLACES, (1, *WIDTHS), WIDTHS):
        state[f"features.{place}.weight"] = torch.randn(width, before, 3, 3) / (9 * before) ** 0.5
        state[f"features.{place}.bias"] = torch.randn(width) / 10
    for place, before, width in zip((0, 2, 4), (10 * 24, 32, 32), (32, 32, 16)):
        state[f"embeddings.{place}.weight"] = torch.randn(width, before) / before**0.5
        state[f"embeddings.{place}.bias"] = torch.randn(width) / 10
    path = tmp_path_factory.mktemp("vggish") / "vggish.pth"
    torch.save(state, path)
    return path


def log_mel(waveform):
    frames = np.stack([waveform[i : i + 400] for i in range(0, len(waveform) - 399, 160)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectrum = np.abs(np.fft.rfft(frames * window, 512))
    mel = [1127 * np.log(1 + hertz / 700) for hertz in np.arange(257) * 16_000 / 512]
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    filters = np.zeros((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        for bin_ in range(1, 257):
            slope = min((mel[bin_] - low) / (centre - low), (high - mel[bin_]) / (high - centre))
            filters[bin_, band] = max(0.0, slope)
    return np.log(spectrum @ filters + 0.01)


def test_equals_the_definition(file):
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000 * 3).astype(np.float32)
    expected = log_mel(waveform)
    np.testing.assert_allclose(LogMel()(torch.from_numpy(waveform)).numpy(), expected, atol=1e-4)
    state = torch.load(file)
    maps = torch.tensor(expected[: 3 * 96].reshape(3, 1, 96, 64), dtype=torch.float32)
    for place in PLACES:
        maps = functional.conv2d(maps, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1)
        maps = functional.relu(maps)
        maps = functional.max_pool2d(maps, 2) if place in (0, 3, 8, 13) else maps
    found = maps.permute(0, 2, 3, 1).flatten(1)
    for place in (0, 2, 4):
        found = functional.linear(found, state[f"embeddings.{place}.weight"], state[f"embeddings.{place}.bias"])
        found = functional.relu(found) if place < 4 else found
    heard = VGGish(weights=file).load()(torch.from_numpy(waveform))
    torch.testing.assert_close(heard.vector, found.mean(0), atol=1e-4, rtol=1e-3)
    assert heard.probabilities is None


def test_music_below_one_example_is_padded_with_silence(file):
    network, waveform = VGGish(weights=file).load(), torch.randn(8_000) / 10
    padded = torch.cat([waveform, torch.zeros(8_000)])
    torch.testing.assert_close(network(waveform).vector, network(padded).vector)
