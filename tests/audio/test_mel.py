import numpy as np

from vmas_pipeline.audio.mel import mel_picture


def test_a_tone_is_one_bright_row_and_the_rest_is_at_the_floor():
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    picture = mel_picture(tone, 16_000, hop=160)
    assert picture.shape == (80, 101)
    assert picture.max() == 0
    assert picture.min() == -70
    rows = picture[:, 50]
    assert (rows > -10).sum() <= 3


def test_silence_is_an_even_picture():
    assert np.ptp(mel_picture(np.zeros(4096, np.float32), 16_000)) == 0
