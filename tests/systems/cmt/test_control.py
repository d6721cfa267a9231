import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.systems.cmt.control import Levels, control_of, shares, tempo_of
from vmas_pipeline.systems.cmt.words import Tone, encode

LEVELS = Levels(density=(0.01, 0.02, 0.03), strength=(0.1, 0.2))


def test_a_regular_motion_gives_its_tempo():
    flow = np.zeros(96)
    flow[::5] = 0.1  # every 0.5 s at 10 a second
    assert tempo_of(flow, 10.0) == pytest.approx(120, rel=0.02)


@pytest.mark.parametrize("flow", [np.zeros(0), np.zeros(1), np.zeros(50), np.full(50, 0.2)])
def test_without_events_the_tempo_is_the_usual_one(flow):
    assert tempo_of(flow, 9.6) == 120


@pytest.mark.parametrize("seed", range(3))
def test_any_motion_has_a_tempo_within_bounds(seed):
    assert 60 <= tempo_of(np.random.default_rng(seed).random(40), 9.6) <= 180


def test_peaks_fall_on_the_nearest_tick_with_their_strength():
    flow = np.zeros(40)  # 4 s at 10 a second: two bars at 120
    flow[[5, 26]] = 0.15, 0.5
    asked = control_of(flow, np.array([0.55, 2.65]), 10.0, 4.0, LEVELS)
    tick_s = 60 / asked.tempo / 4
    at = [bar * 16 + tick for bar, each in enumerate(asked.bars) for tick, _ in each.beats]
    np.testing.assert_allclose(np.array(at) * tick_s, [0.55, 2.65], atol=tick_s / 2)
    assert [strength for bar in asked.bars for _, strength in bar.beats] == [2, 3]


def test_livelier_bars_are_denser():
    flow = np.concatenate([np.full(20, value) for value in (0.005, 0.015, 0.025, 0.5)])
    asked = control_of(flow, np.zeros(0), 10.0, 8.0, LEVELS)
    assert asked.tempo == 120 or len(asked.bars) >= 3
    assert [bar.density for bar in asked.bars] == sorted(bar.density for bar in asked.bars)
    assert asked.bars[0].density == 1 and asked.bars[-1].density == 4


def test_a_film_without_motion_and_one_of_a_single_frame():
    still = control_of(np.zeros(47, np.float32), np.zeros(0), 9.6, 5.0, LEVELS)
    assert len(still.bars) == 3 and all(bar.density == 1 and not bar.beats for bar in still.bars)
    assert still.ticks == 40
    short = control_of(np.zeros(0), np.zeros(0), 9.6, 0.1, LEVELS)
    assert len(short.bars) == 1 and short.ticks == 1


def test_levels_are_as_frequent_in_videos_as_in_music():
    random = np.random.default_rng(0)
    flows = [np.full(40, value) for value in random.random(400)]  # two bars each at 120
    curves = pd.DataFrame({"flow": flows, "peaks_s": [np.zeros(0)] * 400})
    wanted = [0.1, 0.0, 0.4, 0.3, 0.2, 0.0]
    levels = Levels.between(curves, 10.0, (wanted, [1.0]))
    found = [bar.density for flow in flows for bar in control_of(flow, np.zeros(0), 10.0, 4.0, levels).bars]
    np.testing.assert_allclose(np.bincount(found, minlength=7)[1:] / len(found), wanted, atol=0.02)


def test_levels_of_music_are_counted_from_its_words():
    tones = [Tone(tick=t, instrument=1, pitch=p, ticks=1) for t, p in ((0, 36), (0, 38), (4, 36))]
    density, strength = shares([encode(tones)])
    assert density[2] == 1.0 and sum(density) == 1.0  # one bar, of two ticks with notes
    assert strength[:2] == [0.5, 0.5]
