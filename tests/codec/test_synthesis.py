import math

import pytest
import torch

from vmas_pipeline.codec.analysis import note_grid
from vmas_pipeline.codec.synthesis import NOISE_FRAMES, NoiseBank, SineBank

GRID = note_grid(28, 106, 3)


@pytest.mark.parametrize("step", [160, 147])  # 147 is odd: 44.1 kHz at 75 tokens of four
def test_a_constant_gain_is_a_pure_tone(step):
    bank = SineBank(GRID, 16_000, step)
    gains = torch.zeros(1, 60, len(GRID))
    gains[..., 123] = 0.1  # 440 Hz
    samples = torch.arange(60 * step, dtype=torch.float64) - step // 2  # phases are given at the first gain's sample
    expected = 0.1 * torch.cos(2 * math.pi * (440 * samples / 16_000 + bank.phases[123]))
    inner = slice(step, -step)
    torch.testing.assert_close(bank(gains)[0, inner], expected[inner].float(), atol=1e-5, rtol=0)


def test_gains_hold_in_the_middle_of_their_step():
    bank = NoiseBank(1, 16_000, 80)
    flat = bank(torch.ones(1, 40, 1))
    changing = bank(torch.linspace(0, 1, 40)[None, :, None])
    middles = torch.arange(1, 39) * 80 + 40
    torch.testing.assert_close(changing[0, middles], flat[0, middles] * torch.linspace(0, 1, 40)[1:-1])


def test_noises_have_their_bands_and_a_mean_square_of_one():
    bank = NoiseBank(20, 16_000, 80)
    gains = torch.eye(20)[:, None].expand(20, NOISE_FRAMES + 1, 20)
    noises = bank(gains)[:, 40 : 40 + NOISE_FRAMES * 80]  # one period
    torch.testing.assert_close(noises.square().mean(1), torch.ones(20), rtol=1e-3, atol=0)
    power = torch.fft.rfft(noises).abs().square()
    centres = (power @ torch.linspace(0, 8000, power.shape[1])) / power.sum(1)
    assert centres.diff().min() > 0


@pytest.mark.parametrize("first", [1, 57, 4001])
@pytest.mark.parametrize("bank", [SineBank(GRID, 16_000, 160), NoiseBank(20, 16_000, 80)], ids=["sines", "noises"])
def test_a_part_made_alone_is_that_of_the_whole(bank, first):
    width = len(GRID) if isinstance(bank, SineBank) else 20
    gains = torch.rand(1, 4040, width, generator=torch.Generator().manual_seed(0)) / width
    whole, part = bank(gains), bank(gains[:, first:], first)
    step = bank.step
    torch.testing.assert_close(part[:, step:], whole[:, (first + 1) * step :], atol=1e-5, rtol=0)


def test_zero_gains_are_silence():
    assert not SineBank(GRID, 16_000, 160)(torch.zeros(1, 4, len(GRID))).any()
    assert not NoiseBank(20, 16_000, 80)(torch.zeros(1, 4, 20)).any()
