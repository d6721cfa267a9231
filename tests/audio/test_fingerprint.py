from itertools import pairwise

import numpy as np
import pytest

from vmas_pipeline.audio.fingerprint import HOP_S, SAMPLE_RATE, audio_fingerprint, bit_error_rate, lowest_errors


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def test_a_bit_is_the_sign_of_the_change_of_an_energy_difference() -> None:
    """Equation 1 of Haitsma and Kalker, written out for one hop of a small signal."""
    music = noise((2048 + 256) / SAMPLE_RATE)
    (value,) = audio_fingerprint(music)
    edges = np.round(300 * (2000 / 300) ** (np.arange(34) / 33) * 2048 / SAMPLE_RATE).astype(int)
    windows = [music[start : start + 2048] * np.hanning(2048) for start in (0, 256)]
    powers = [np.abs(np.fft.rfft(window)) ** 2 for window in windows]
    energy = [[power[low:high].sum() for low, high in pairwise(edges)] for power in powers]
    bits = "".join(str(int(energy[1][m + 1] - energy[1][m] - (energy[0][m + 1] - energy[0][m]) > 0)) for m in range(32))
    assert value == int(bits, 2)


def test_volume_changes_nothing_and_other_music_differs_in_half_of_the_bits() -> None:
    music, other = audio_fingerprint(noise(20)), audio_fingerprint(noise(20, seed=1))
    assert bit_error_rate(music, audio_fingerprint(0.2 * noise(20))) == 0
    assert bit_error_rate(music, other) == pytest.approx(0.5, abs=0.05)


def test_noise_and_a_start_between_two_hops_leave_most_bits() -> None:
    music = noise(20)
    spoilt = music + 0.02 * noise(20, seed=1) / 0.1
    shifted = music[128:]  # half a hop: the worst case
    assert bit_error_rate(audio_fingerprint(music), audio_fingerprint(spoilt)) < 0.2
    expected, found = audio_fingerprint(music), audio_fingerprint(shifted)
    assert bit_error_rate(expected[: len(found)], found) < 0.2


def test_silence_says_nothing() -> None:
    assert audio_fingerprint(np.zeros(SAMPLE_RATE, np.float32)).shape == (0,)
    before_and_behind = np.concatenate([np.zeros(2 * SAMPLE_RATE), noise(10), np.zeros(2 * SAMPLE_RATE)])
    assert len(audio_fingerprint(before_and_behind)) == pytest.approx(10 / HOP_S, abs=9)
    assert bit_error_rate(np.zeros(5, np.uint32), np.zeros(5, np.uint32)) == 1
    assert audio_fingerprint(np.zeros(100, np.float32)).shape == (0,)
    assert len(audio_fingerprint(noise(10))) == pytest.approx(10 / HOP_S, abs=9)


def test_the_lowest_error_is_that_of_the_best_alignment() -> None:
    random = np.random.default_rng(0)
    wanted, *others = (random.integers(0, 2**32, size, dtype=np.uint32) for size in (20, 20, 25, 12))
    wanted[[3, 4]] = others[0][7] = 0  # silence
    expected = []
    for other in others:
        errors = [1.0]
        for offset in range(-len(wanted), len(other)):
            pairs = [(w, other[offset + i]) for i, w in enumerate(wanted) if 0 <= offset + i < len(other)]
            heard = [(int(a), int(b)) for a, b in pairs if a and b]
            if len(heard) >= 10:
                errors.append(sum((a ^ b).bit_count() for a, b in heard) / (32 * len(heard)))
        expected.append(min(errors))
    np.testing.assert_allclose(lowest_errors(wanted, others, 10), expected)
    assert lowest_errors(wanted[:9], others, 10).tolist() == [1, 1, 1]
