import math

import pytest
import torch

from vmas_pipeline.codec.analysis import SHORT_FLOOR, Analysis, note_grid

RATES = [(16_000, 50), (32_000, 50), (44_100, 75), (8_000, 25)]


def analysis(sample_rate=16_000, frame_rate=50):
    return Analysis(
        sample_rate=sample_rate,
        hop=sample_rate // frame_rate,
        lowest=28,
        highest=106,
        per_semitone=3,
        bands=20,
        short_steps=4,
    )


def tone(frequency_hz, sample_rate=16_000, seconds=1.0, amplitude=0.1):
    samples = torch.arange(int(seconds * sample_rate), dtype=torch.float64)
    return (amplitude * torch.sin(2 * math.pi * frequency_hz * samples / sample_rate)).float()[None]


def test_the_grid_holds_the_notes_of_the_scale():
    grid = note_grid(28, 118, 3)
    assert len(grid) == 271
    torch.testing.assert_close(grid[(69 - 28) * 3].item(), 440.0)
    torch.testing.assert_close(grid[3::3] / grid[:-3:3], torch.full((90,), 2 ** (1 / 12), dtype=torch.float64))


@pytest.mark.parametrize(("sample_rate", "frame_rate"), RATES)
@pytest.mark.parametrize("note", [33, 45, 69, 90, 104])
def test_a_tone_is_heard_at_its_note_with_its_amplitude(sample_rate, frame_rate, note):
    ear = analysis(sample_rate, frame_rate)
    heard = ear.partials(tone(440 * 2 ** ((note - 69) / 12), sample_rate))[0]  # [T, G]
    middle = heard[len(heard) // 3 : -len(heard) // 3]
    expected = torch.zeros_like(middle)
    expected[:, (note - 28) * 3] = 0.1
    torch.testing.assert_close(middle, expected, atol=0.004, rtol=0)


def test_a_tone_between_two_frequencies_goes_to_the_nearer():
    heard = analysis().partials(tone(440 * 2 ** (12 / 1200)))[0]  # 12 cents sharp, of 33 to the next
    assert heard[25].argmax() == (69 - 28) * 3


def test_short_windows_place_a_click_within_a_quarter_of_a_token():
    click = torch.zeros(1, 3200)
    click[0, 320 * 4 + 200] = 1.0  # in the third quarter of token 4
    loud = analysis().shorts(click).unflatten(-1, (4, 20)).mean(-1)[0]  # [T, S]
    assert loud.flatten().argmax() == 4 * 4 + 2


def test_silence_is_the_floor():
    partials, shorts = analysis()(torch.zeros(1, 1000))
    assert partials.shape == (1, 4, 235)
    assert not partials.any()
    torch.testing.assert_close(shorts, torch.full((1, 4, 80), math.log(SHORT_FLOOR)))
