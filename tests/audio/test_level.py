import numpy as np
import pytest

from vmas_pipeline.audio.level import FLOOR_LUFS, clipped, level, loudness, silent

RATE = 48_000
TONE = np.sin(2 * np.pi * 997 * np.arange(3 * RATE) / RATE)


def test_a_full_tone_of_997_hz_is_at_the_standards_loudness():
    assert loudness(TONE, RATE) == pytest.approx(-3.01, abs=0.05)  # ITU-R BS.1770-4: a 0 dBFS sine in one channel
    assert loudness(0.1 * TONE, RATE) == pytest.approx(-23.01, abs=0.05)


@pytest.mark.parametrize("samples", [0, 1, 100, RATE // 10])
def test_however_short_it_is_there_is_a_finite_loudness(samples):
    assert FLOOR_LUFS <= loudness(TONE[:samples], RATE) < 0


def test_a_tenth_of_a_second_is_as_loud_as_the_whole():
    assert loudness(TONE[: RATE // 10], RATE) == pytest.approx(loudness(TONE, RATE), abs=0.5)


def test_silence_is_at_the_floor_and_silent_throughout():
    heard = level(np.zeros(RATE, np.float32), RATE)
    assert (heard.lufs, heard.clipped, heard.silent) == (FLOOR_LUFS, 0.0, 1.0)
    assert loudness(1e-6 * TONE, RATE) == FLOOR_LUFS
    assert silent(np.zeros(0), RATE) == 1.0


def test_samples_at_the_ends_of_16_bits_are_clipped():
    samples = np.array([32767, -32768, 32766, 0]) / 32768
    assert clipped(samples) == 0.5
    assert clipped(np.zeros(0)) == 0.0


def test_the_silent_share_is_of_the_time():
    half = np.concatenate([TONE[:RATE], np.zeros(RATE), TONE[: RATE // 40]])  # ends with half a block
    assert silent(half, RATE) == pytest.approx(RATE / len(half))
    assert silent(0.0005 * TONE, RATE) == 1.0  # -69 dB
    assert silent(0.002 * TONE, RATE) == 0.0  # -57 dB
