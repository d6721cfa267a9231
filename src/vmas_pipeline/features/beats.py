"""Video beats and beat weights: the video-beat alignment scheme of paper section 4.4."""

import numpy as np


def resample_flow(flow: np.ndarray, *, frame_rate: float, token_rate: float, tokens: int) -> np.ndarray:
    """Linear interpolation of the flow curve at the token times; constant beyond its ends.

    The flow between frames i and i + 1 is at (i + 0.5) / frame_rate seconds; token t is at (t + 0.5) / token_rate.

    Args:
        flow: mean flow magnitude of each frame pair, [F - 1].
        frame_rate: frames per second.
        token_rate: tokens per second.
        tokens: T.

    Returns:
        float64 [T].

    Raises:
        ValueError: an empty flow curve.
    """
    flow = np.asarray(flow, np.float64)
    if flow.size == 0:
        raise ValueError("flow ([]) must hold at least one frame pair: a clip needs two frames or more")
    pair_times = (np.arange(flow.size) + 0.5) / frame_rate
    token_times = (np.arange(tokens) + 0.5) / token_rate
    return np.interp(token_times, pair_times, flow)


def video_beats(
    flow: np.ndarray,
    *,
    frame_rate: float,
    token_rate: float,
    tokens: int,
    window_s: float = 0.5,
    threshold: float = 0.0,
) -> np.ndarray:
    """Tokens at which the picture moves most: 1 where the flow is the maximum of a local window.

    The flow of each frame pair is interpolated to the token rate; a token is a beat when no token within
    `window_s` / 2 of it has more flow. On a plateau (a still picture, the flat ends of the interpolation) only the
    first token counts, and none if the flow is zero.

    Args:
        flow: mean flow magnitude of each pair of consecutive frames, [F - 1], at least one.
        frame_rate: frames per second.
        token_rate: tokens per second.
        tokens: T, the number of tokens of the clip.
        window_s: length in seconds of the window around a token (the paper's hyperparameter; 0.5 s is our choice).
        threshold: a beat's flow must exceed this fraction of the clip's maximum, in [0, 1).

    Returns:
        bool [T].

    Raises:
        ValueError: no frame pair, or a negative window.

    Example: five frames at 2 per second, four pairs at 0.25, 0.75, 1.25 and 1.75 s; eight tokens at 4 per second.
        ::

            pair flow          0       4       2       6
            token time      .12 .37 .62 .87 1.1 1.4 1.6 1.9
            interpolated      0   1   3 3.5 2.5   3   5   6
            window +-0.25 s   .   .   .   x   .   .   .   x      # x: the maximum of its neighbours and itself

    >>> video_beats(np.array([0, 4, 2, 6]), frame_rate=2, token_rate=4, tokens=8).astype(int)
    array([0, 0, 0, 1, 0, 0, 0, 1])
    """
    if window_s < 0:
        raise ValueError(f"window_s ({window_s}) must not be negative: set features.beat_window_s")
    curve = resample_flow(flow, frame_rate=frame_rate, token_rate=token_rate, tokens=tokens)
    reach = _tokens_within(window_s / 2, token_rate)
    padded = np.pad(curve, reach, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)  # [T, 2 * reach + 1]
    earlier = windows[:, :reach].max(axis=1, initial=-np.inf)
    later = windows[:, reach + 1 :].max(axis=1, initial=-np.inf)
    return (curve > earlier) & (curve >= later) & (curve > threshold * curve.max(initial=0.0)) & (curve > 0)


def beat_weights(
    music_beats: np.ndarray,
    video_beats: np.ndarray,
    *,
    token_rate: float,
    window_s: float = 0.1,
    alpha: float = 0.5,
) -> np.ndarray:
    """Weights of the autoregressive loss, equation 3: 1 for a music beat with a nearby video beat, else alpha.

    Args:
        music_beats: bool [T], tokens with an onset.
        video_beats: bool [T], from `video_beats`.
        token_rate: tokens per second.
        window_s: a music beat counts when a video beat is at most this far from it, seconds.
        alpha: weight of all other tokens, in [0, 1]; 1 gives the plain loss.

    Returns:
        float32 [T].

    Raises:
        ValueError: lengths that differ, or alpha outside [0, 1].

    Example: ten tokens a second, window 0.1 s (one token either side).
        ::

            music beats   . x . . x . . x
            video beats   . . x . . . . x
            weight        a 1 a a a a a 1

    >>> m, v = np.array([0, 1, 0, 0, 1, 0, 0, 1], bool), np.array([0, 0, 1, 0, 0, 0, 0, 1], bool)
    >>> beat_weights(m, v, token_rate=10)
    array([0.5, 1. , 0.5, 0.5, 0.5, 0.5, 0.5, 1. ], dtype=float32)
    """
    music, video = np.asarray(music_beats, bool), np.asarray(video_beats, bool)
    if music.shape != video.shape:
        raise ValueError(f"music_beats {music.shape} and video_beats {video.shape} must have one entry a token each")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha ({alpha}) must lie in [0, 1]: set features.alpha")
    reach = _tokens_within(window_s, token_rate)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(video, reach), 2 * reach + 1).any(axis=1)
    return np.where(music & near, np.float32(1), np.float32(alpha))


def music_beats(onsets_s: np.ndarray, *, token_rate: float, tokens: int) -> np.ndarray:
    """Onset times in seconds, [n] -> bool [tokens]: the token whose span contains each onset."""
    beats = np.zeros(tokens, bool)
    places = np.floor(np.asarray(onsets_s, np.float64) * token_rate + 1e-6).astype(int)
    beats[places[(places >= 0) & (places < tokens)]] = True
    return beats


def _tokens_within(seconds: float, token_rate: float) -> int:
    """Number of tokens at most `seconds` away, tolerant of rounding."""
    return int(np.floor(seconds * token_rate + 1e-6))
