import numpy as np
import pytest

from vmas_pipeline.audio.rhythm import Rhythm
from vmas_pipeline.evaluation.drawing import HISTOGRAM_HEIGHT, WIDTH, histogram, save_spectrogram, timeline


def test_times_lie_on_one_axis():
    drawn = timeline(
        flow=np.array([0.0, 2.0, 0.0, 0.0]),
        peaks_s=np.array([1.5]),
        onsets_s={"generated": np.array([1.4, 3.0]), "true": np.array([])},
        frame_rate=1.0,
        duration_s=5.0,
        cuts_s=[2.5],
        rhythms={"true": Rhythm(tempo_bpm=60.0, beats_s=np.array([1.0, 2.0]), downbeats_s=np.array([2.0]))},
    )
    assert drawn["cuts"] == [500.0]
    assert drawn["beats"] == {"generated": [], "true": [{"x": 200.0, "down": False}, {"x": 400.0, "down": True}]}
    assert drawn["peaks"] == [{"x": 300.0, "y": pytest.approx(7.2)}]
    assert drawn["onsets"]["generated"] == [{"x": 280.0, "matched": True}, {"x": 600.0, "matched": False}]
    assert drawn["onsets"]["true"] == []
    assert drawn["curve"].split()[1] == "300.0,7.2"
    assert drawn["seconds"] == [0, 200, 400, 600, 800, 1000]


def test_a_still_picture_is_a_flat_line():
    drawn = timeline(np.zeros(4), np.array([]), {}, 1.0, 5.0)
    assert {point.split(",")[1] for point in drawn["curve"].split()} == {"90.0"}


def test_bars_hold_every_score():
    scores = np.array([0.0, 0.01, 0.5, 1.0])
    bars = histogram(scores)
    assert sum(bar["count"] for bar in bars) == 4
    assert bars[0]["height"] == HISTOGRAM_HEIGHT
    assert bars[-1]["x"] + bars[-1]["width"] <= WIDTH


def test_equal_loudness_has_equal_colours_whatever_else_sounds(tmp_path):
    from matplotlib.image import imread

    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    hiss = 0.05 * np.random.default_rng(0).normal(size=16_000)
    for name, waveform in (("clean", tone), ("hissing", tone + hiss)):
        save_spectrogram(tmp_path / f"{name}.png", waveform, 16_000)
    clean, hissing = (imread(tmp_path / f"{name}.png")[..., :3].sum(-1) for name in ("clean", "hissing"))
    assert clean.min() < 0.1  # nothing there: black
    assert hissing.min() > 0.1  # 40 dB below the tone: not black


def test_low_notes_are_at_the_bottom_of_the_spectrogram(tmp_path):
    from matplotlib.image import imread

    save_spectrogram(tmp_path / "low.png", np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000), 16_000)
    picture = imread(tmp_path / "low.png")[..., :3].sum(-1)
    assert picture[-20:].mean() > 4 * picture[:40].mean()
