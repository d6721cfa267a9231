"""Video beats and beat weights: hand-worked cases, and a loop that follows the paper's text word by word."""

import numpy as np
import pytest

from vmas_pipeline.features.beats import beat_weights, music_beats, video_beats


def beats_by_loop(flow, frame_rate, token_rate, tokens, window_s):
    """Section 4.4 without any vectorisation."""
    curve = []
    for token in range(tokens):
        time = (token + 0.5) / token_rate
        place = time * frame_rate - 0.5
        before = min(max(int(np.floor(place)), 0), len(flow) - 1)
        after = min(before + 1, len(flow) - 1)
        part = min(max(place - before, 0.0), 1.0)
        curve.append(flow[before] * (1 - part) + flow[after] * part)
    beats = []
    for token in range(tokens):
        near = [curve[j] for j in range(tokens) if abs(j - token) / token_rate <= window_s / 2 + 1e-9]
        beats.append(curve[token] == max(near))
    return np.array(beats)


@pytest.mark.parametrize(("frame_rate", "token_rate", "window_s"), [(9.6, 50, 0.5), (9.6, 50, 0.3), (25, 50, 1.0)])
def test_video_beats_equal_the_papers_text_written_as_loops(frame_rate, token_rate, window_s):
    flow = np.random.default_rng(0).gamma(2.0, 1.0, 47)
    tokens = int(48 / frame_rate * token_rate)
    expected = beats_by_loop(flow, frame_rate, token_rate, tokens, window_s)
    found = video_beats(flow, frame_rate=frame_rate, token_rate=token_rate, tokens=tokens, window_s=window_s)
    first_of_plateau = expected & ~np.concatenate([[False], expected[:-1]])
    np.testing.assert_array_equal(found, first_of_plateau)
    assert found.dtype == bool
    assert found.sum() >= 2


def test_a_beat_stands_where_the_flow_peaks():
    flow = np.zeros(47)
    flow[[10, 30]] = 1.0
    beats = np.flatnonzero(video_beats(flow, frame_rate=9.6, token_rate=50, tokens=250))
    np.testing.assert_allclose((beats + 0.5) / 50, (np.array([10, 30]) + 0.5) / 9.6, atol=0.011)


def test_a_still_picture_has_no_beats():
    assert not video_beats(np.zeros(47), frame_rate=9.6, token_rate=50, tokens=250).any()


def test_constant_motion_gives_one_beat_at_most_a_window():
    assert video_beats(np.ones(47), frame_rate=9.6, token_rate=50, tokens=250).sum() == 1


def test_the_threshold_drops_small_peaks():
    flow = np.zeros(47)
    flow[10], flow[30] = 1.0, 0.2
    arguments = {"frame_rate": 9.6, "token_rate": 50, "tokens": 250}
    assert video_beats(flow, **arguments).sum() == 2
    assert video_beats(flow, threshold=0.25, **arguments).sum() == 1


def test_beat_weights_are_one_only_where_both_beats_meet():
    heard, seen = np.zeros(250, bool), np.zeros(250, bool)
    heard[[20, 100, 200]] = True
    seen[[25, 106, 150]] = True  # 0.10 s, 0.12 s and far from the beats heard
    weights = beat_weights(heard, seen, token_rate=50, window_s=0.1, alpha=0.3)
    assert np.flatnonzero(weights == 1).tolist() == [20]
    assert weights.dtype == np.float32
    np.testing.assert_allclose(np.delete(weights, 20), 0.3)


def test_beat_weights_reach_over_the_ends():
    beats = np.zeros(10, bool)
    beats[[0, 9]] = True
    assert beat_weights(beats, beats, token_rate=50).tolist() == [1.0] + [0.5] * 8 + [1.0]


def test_alpha_one_is_the_plain_loss():
    beats = np.random.default_rng(1).random((2, 50)) < 0.2
    assert (beat_weights(beats[0], beats[1], token_rate=50, alpha=1.0) == 1).all()


def test_music_beats_mark_the_token_that_holds_the_onset():
    beats = music_beats(np.array([0.0, 0.019, 0.02, 4.999, 5.0]), token_rate=50, tokens=250)
    assert np.flatnonzero(beats).tolist() == [0, 1, 249]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: video_beats(np.zeros(0), frame_rate=9.6, token_rate=50, tokens=5), "at least one frame pair"),
        (lambda: video_beats(np.ones(3), frame_rate=9.6, token_rate=50, tokens=5, window_s=-1), "features.beat_window"),
        (lambda: beat_weights(np.ones(3, bool), np.ones(4, bool), token_rate=50), r"\(3,\).*\(4,\)"),
        (lambda: beat_weights(np.ones(3, bool), np.ones(3, bool), token_rate=50, alpha=2), "features.alpha"),
    ],
)
def test_errors_name_the_value_and_the_way_out(call, message):
    with pytest.raises(ValueError, match=message):
        call()
