from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.curation.filters import Clip
from vmas_pipeline.curation.filters.loudness import Loudness
from vmas_pipeline.curation.filters.presence import Presence


def clip(waveform: np.ndarray | None = None, picture: float = 1.0, sound: float = 1.0) -> Clip:
    made = Clip(audio=Path("none"), start_s=0.0, duration_s=1.0, picture=picture, sound=sound)
    made.__dict__["waveform"] = waveform  # in place of reading the file
    return made


def test_a_sine_of_full_scale_has_its_rms_in_decibel() -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    assert Loudness().measure(clip(sine))["loudness_db"] == pytest.approx(-3.01, abs=0.01)
    assert Loudness().measure(clip(np.zeros(16_000, np.float32)))["loudness_db"] == -120


def test_what_is_below_the_bound_is_silent() -> None:
    assert Loudness(minimum_db=-40).verdict({"loudness_db": -40.0}) is None
    verdict = Loudness(minimum_db=-40).verdict({"loudness_db": -40.1})
    assert verdict.reason == "silent" and "below -40 (curation.filters.loudness.minimum_db)" in verdict.detail


@pytest.mark.parametrize(
    ("picture", "sound", "reason"),
    [(1.0, 1.0, None), (0.98, 0.98, None), (0.9, 0.5, "picture_missing"), (1.0, 0.5, "sound_missing")],
)
def test_a_clip_with_a_hole_says_in_what(picture: float, sound: float, reason: str | None) -> None:
    verdict = Presence().verdict(Presence().measure(clip(picture=picture, sound=sound)))
    assert (verdict and verdict.reason) == reason
