import numpy as np
import pytest

from vmas_pipeline.features.curves import curve_counts, draw_curves


def clip(frames: int = 24) -> np.ndarray:
    """Noise that stays, in which nothing moves."""
    still = np.random.default_rng(0).integers(60, 120, (32, 32, 3), dtype=np.uint8)
    return np.repeat(still[None], frames, axis=0)


def events(frames: np.ndarray) -> np.ndarray:
    return draw_curves(["events"], frames, 9.6)["events"]


def test_a_still_clip_has_flat_curves():
    assert events(clip()).max() < 0.5


def test_a_jump_is_motion_where_it_happens():
    frames = clip()
    frames[:10, 8:14, 4:10] = 240
    frames[10:, 8:14, 7:13] = 240
    assert events(frames)[:, 0].argmax() == 10
    assert events(frames)[10, 0] == 1


def test_a_cut_is_a_change_of_scene():
    frames = clip()
    frames[15:] = np.random.default_rng(1).integers(150, 250, (32, 32, 3), dtype=np.uint8)
    assert events(frames)[15, 1] == 1
    assert np.delete(events(frames)[:, 1], 15).max() < 0.1


def test_a_flash_is_a_change_of_light():
    frames = clip()
    frames[7] = np.minimum(frames[7].astype(int) + 60, 255).astype(np.uint8)
    assert set(np.argsort(events(frames)[:, 2])[-2:]) == {7, 8}


def test_a_large_and_a_small_film_give_curves_of_one_height():
    frames = clip()
    frames[:12, 10:12, 4:6] = 240
    frames[12:, 10:12, 8:10] = 240
    large = frames.repeat(3, axis=1).repeat(3, axis=2)
    assert events(frames)[:, 0].max() == pytest.approx(events(large)[:, 0].max(), abs=0.3)


def test_one_frame_has_no_events():
    assert events(clip(1)).tolist() == [[0, 0, 0]]


def test_unknown_curves_are_refused_by_name():
    with pytest.raises(ValueError, match="curves lyrics are unknown: choose of events, peaks"):
        curve_counts(["lyrics"])


def test_peaks_mark_the_frames_after_which_nothing_moves_as_much():
    frames = clip()
    frames[:10, 8:14, 4:10] = 240
    frames[10:, 8:14, 7:13] = 240
    marks = draw_curves(["peaks"], frames, 9.6)["peaks"]
    assert np.flatnonzero(marks[:, 0]).tolist() == [10]
    assert draw_curves(["peaks"], frames[:1], 9.6)["peaks"].tolist() == [[0]]
