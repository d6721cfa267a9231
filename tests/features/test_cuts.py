import numpy as np
import pytest

from vmas_pipeline.features.cuts import find_cuts


def shots(*colours: tuple[int, int, int], length: int = 12) -> np.ndarray:
    """Noisy plain shots, uint8 [F, 32, 32, 3]."""
    noise = np.random.default_rng(0).integers(-4, 5, (len(colours) * length, 32, 32, 3))
    return np.clip(np.repeat(colours, length, axis=0)[:, None, None] + noise, 0, 255).astype(np.uint8)


def test_a_cut_lies_between_its_frames():
    frames = shots((30, 60, 120), (220, 220, 40), (120, 20, 110))
    assert find_cuts(frames, 9.6) == pytest.approx(np.array([11.5, 23.5]) / 9.6, abs=1e-6)


def test_a_still_or_slowly_changing_picture_has_none():
    fade = np.linspace(20, 230, 36)[:, None] * np.ones(3)
    assert not find_cuts(shots((30, 60, 120)), 9.6).size
    assert not find_cuts(shots(*fade.astype(int), length=1), 9.6).size


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_few_frames_have_none(count):
    assert find_cuts(shots((30, 60, 120), (220, 220, 40))[:count], 9.6).size == 0
