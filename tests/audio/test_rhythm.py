import numpy as np
import pytest

from vmas_pipeline.audio.pitch import chroma
from vmas_pipeline.audio.rhythm import downbeats, harmony_changes, rhythm

RATE = 16_000
TIME = np.arange(6 * RATE) / RATE


def struck(period_s: float, pitches=(440.0,), every: int = 1) -> np.ndarray:
    """A decaying tone every `period_s`, whose pitch changes after each `every` of them."""
    number = (TIME / period_s).astype(int)
    hz = np.array(pitches)[number // every % len(pitches)]
    return (0.5 * np.sin(2 * np.pi * hz * TIME) * np.exp(-8 * (TIME % period_s))).astype(np.float32)


@pytest.mark.parametrize("period_s", [0.5, 0.6])
def test_a_steady_beat_has_its_tempo_up_to_an_octave(period_s):
    heard = rhythm(struck(period_s), RATE)
    factor = heard.tempo_bpm * period_s / 60
    assert min(abs(factor / octave - 1) for octave in (0.5, 1, 2)) < 0.04
    assert np.median(np.diff(heard.beats_s)) == pytest.approx(60 / heard.tempo_bpm, rel=0.08)


def test_bars_begin_where_the_harmony_changes():
    heard = rhythm(struck(0.5, pitches=(440.0, 554.4, 329.6), every=4), RATE)
    apart = np.abs(heard.downbeats_s[:, None] - np.arange(0, 6.1, 2)).min(axis=1)
    assert len(heard.downbeats_s) and apart.max() < 0.15


def test_silence_and_next_to_nothing_have_no_rhythm():
    for waveform in (np.zeros(RATE, np.float32), np.zeros(0, np.float32), np.ones(100, np.float32)):
        heard = rhythm(waveform, RATE)
        assert heard.tempo_bpm == 0 and not heard.beats_s.size and not heard.downbeats_s.size


def test_a_beat_alone_has_no_downbeat():
    assert not downbeats(np.array([1.0]), np.array([0.5])).size
    assert not downbeats(np.zeros(0), np.zeros(0)).size
    assert downbeats(np.array([1.0, 2.0]), np.array([0.0, 0.5])).tolist() == [2.0]


def test_three_beats_a_bar_are_told_from_four():
    changes = np.tile([0.0, 0.9, 0.1], 4)
    assert downbeats(np.arange(12.0), changes).tolist() == [1, 4, 7, 10]


def test_harmony_changes_with_the_pitch_and_not_at_the_end():
    harmony = chroma(struck(0.5, pitches=(440.0, 554.4), every=4), RATE)
    changes = harmony_changes(harmony, np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.2]))
    assert changes[[2, 4]].min() > 0.5 > 0.1 > changes[[0, 1, 3]].max()
    assert changes[5] < 0.1
