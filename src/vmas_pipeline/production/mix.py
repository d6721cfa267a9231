"""Music and a video's own sound, as one sound of the video's length."""

# C channels, N samples

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.audio.level import integrated_loudness
from vmas_pipeline.generator import Music
from vmas_pipeline.media import Limits, Measured, MediaError, read_audio
from vmas_pipeline.production.loudness import level
from vmas_pipeline.production.options import Options
from vmas_pipeline.production.speech import SAMPLE_RATE as SPEECH_RATE
from vmas_pipeline.production.speech import find_speech

SPEECH_OVER_MUSIC_DB = 15.0
"""Music is lowered until each stretch of speech is at least this much above it."""

MOST_DUCKING_DB = 40.0
ATTACK_S, RELEASE_S = 0.25, 0.7
"""The music is down when speech begins, and back up this long after it has ended."""

BREATH_S = 1.0
"""Pauses shorter than this do not bring the music back."""

STRETCH_S = 2.0
"""Speech is cut into stretches of at most this, so that a quiet sentence counts beside a loud one."""

_COMMON_RATES = (44_100, 48_000)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A finished sound."""

    sound: np.ndarray  # float32 [C, N], what is heard
    music: np.ndarray  # float32 [C, N], the music in it
    sample_rate: int
    about: dict[str, Any]  # for the record: what was measured and done


def mix(
    music: Music,
    start_s: float,
    video: Path,
    info: Measured,
    options: Options,
    limits: Limits = Limits(),  # noqa: B008
) -> Mix:
    """Place the music, lower it under speech, and bring the whole to its loudness.

    Args:
        music: begins at `start_s` of the video.
        start_s: seconds.
        video: whose own sound is kept or left out.
        info: its contents.
        options: how.
        limits: of reading the video.
    """
    rate, channels = _format(music, info, options)
    samples = round(info.duration_s * rate)
    placed = _placed(music, rate, channels, round(start_s * rate), samples, options)
    original = _original(video, info, rate, channels, options, limits)
    if original is None:
        return _master(placed, np.zeros_like(placed), rate, options, {"original": _why_left(info, options)})
    about: dict[str, Any] = {"original": options.original, "original_lufs": integrated_loudness(original, rate)}
    if np.isfinite(about["original_lufs"]):
        placed = placed * _match(placed, rate, about["original_lufs"] + options.music_db)
    if options.original == "duck":
        placed, ducked = duck(placed, original, rate, find_speech(_for_speech(video, info, limits)))
        about |= ducked
    return _master(placed, original, rate, options, about)


def duck(
    music: np.ndarray, original: np.ndarray, sample_rate: int, speech: list[tuple[float, float]]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Lower music under speech.

    Args:
        music, original: float32 [C, N].
        sample_rate: of both.
        speech: sections of the original, in seconds.

    Returns:
        The music; and for the record how much speech there is, and the least that it is above the music, in dB.
    """
    times_s = np.arange(music.shape[1]) / sample_rate
    gain_db, stretches = np.zeros(len(times_s)), list(_stretches(_joined(speech)))
    for first_s, last_s in stretches:
        depth_db = np.clip(
            SPEECH_OVER_MUSIC_DB - _ratio_db(original, music, sample_rate, first_s, last_s), 0, MOST_DUCKING_DB
        )
        shape = [first_s - ATTACK_S, first_s, last_s, last_s + RELEASE_S]
        here = slice(*np.searchsorted(times_s, (shape[0], shape[-1])))
        gain_db[here] = np.minimum(gain_db[here], np.interp(times_s[here], shape, [0, -depth_db, -depth_db, 0]))
    music = music * (10 ** (gain_db / 20)).astype(np.float32)
    ratios = [_ratio_db(original, music, sample_rate, *stretch) for stretch in stretches]
    about = {"speech_s": round(sum(last - first for first, last in speech), 2)}
    if heard := [ratio for ratio in ratios if np.isfinite(ratio)]:
        about["speech_over_music_db"] = round(min(heard), 1)
    return music, about


def _format(music: Music, info: Measured, options: Options) -> tuple[int, int]:
    """Sample rate and channels: as asked for, else those of an original that is kept, else the music's."""
    rate, channels = music.sample_rate, len(music.waveform)
    if options.original != "replace" and info.audio_codec:
        rate = info.sample_rate if info.sample_rate in _COMMON_RATES else max(_COMMON_RATES)
        channels = min(2, max(channels, info.channels or 1))
    return options.sample_rate or rate, options.channels or channels


def _placed(music: Music, rate: int, channels: int, first: int, samples: int, options: Options) -> np.ndarray:
    """The music at its place in the video's length, faded."""
    waveform = resampled(music.waveform, music.sample_rate, rate)[:, : samples - first]
    if len(waveform) != channels:
        waveform = np.repeat(waveform.mean(axis=0, keepdims=True), channels, axis=0)
    waveform = waveform * _fades(waveform.shape[1], rate, options)
    return np.pad(waveform, ((0, 0), (first, samples - first - waveform.shape[1]))).astype(np.float32)


def resampled(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """A waveform [C, N] at another rate, by a polyphase filter."""
    from scipy.signal import resample_poly

    if from_rate == to_rate:
        return waveform
    common = gcd(from_rate, to_rate)
    return resample_poly(waveform, to_rate // common, from_rate // common, axis=1)


def _fades(samples: int, rate: int, options: Options) -> np.ndarray:
    """Raised-cosine fades, float32 [N]."""
    gain = np.ones(samples)
    for seconds, side in ((options.fade_in_s, slice(None)), (options.fade_out_s, slice(None, None, -1))):
        length = min(samples, round(seconds * rate))
        gain[side][:length] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))
    return gain.astype(np.float32)


def _original(
    video: Path, info: Measured, rate: int, channels: int, options: Options, limits: Limits
) -> np.ndarray | None:
    """The video's own sound, where it has one and it is kept."""
    if options.original == "replace" or not info.audio_codec:
        return None
    try:
        return read_audio(video, sample_rate=rate, channels=channels, duration_s=info.duration_s, limits=limits)
    except MediaError as error:
        if error.reason in ("no_audio", "truncated"):  # there is a track, and nothing in it
            return None
        raise


def _why_left(info: Measured, options: Options) -> str:
    return "replaced" if options.original == "replace" else "none: the video has no sound"


def _for_speech(video: Path, info: Measured, limits: Limits) -> np.ndarray:
    return read_audio(video, sample_rate=SPEECH_RATE, duration_s=info.duration_s, limits=limits)[0]


def _match(music: np.ndarray, rate: int, lufs: float) -> np.float32:
    """The gain that brings music to a loudness."""
    now = integrated_loudness(music, rate)
    return np.float32(10 ** ((lufs - now) / 20) if np.isfinite(now) else 1)


def _master(music: np.ndarray, original: np.ndarray, rate: int, options: Options, about: dict[str, Any]) -> Mix:
    """The sum, at its loudness; the music in it is changed in the same way."""
    sound = music + original
    if options.lufs is None and not original.any():  # as generated
        about = about | {"lufs": _rounded(integrated_loudness(sound, rate))}
        return Mix(sound=sound, music=music, sample_rate=rate, about=about)
    found = level(sound, rate, options.lufs, options.true_peak_db)
    measured = {"lufs": found.lufs, "true_peak_db": found.true_peak_db, "limited_db": found.limited_db}
    about = {key: _rounded(value) for key, value in (about | measured).items()}
    return Mix(sound=sound * found.gain, music=music * found.gain, sample_rate=rate, about=about)


def _rounded(value: Any) -> Any:
    """Two decimals; no number (silence) is None, for JSON."""
    if not isinstance(value, float):
        return value
    return round(value, 2) if np.isfinite(value) else None


def _joined(speech: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sections with a short pause between them as one."""
    joined: list[tuple[float, float]] = []
    for first, last in speech:
        if joined and first - joined[-1][1] < BREATH_S:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _stretches(speech: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    for first, last in speech:
        count = max(1, int(np.ceil((last - first) / STRETCH_S)))
        edges = np.linspace(first, last, count + 1)
        yield from pairwise(edges.tolist())


def _ratio_db(original: np.ndarray, music: np.ndarray, rate: int, first_s: float, last_s: float) -> float:
    """How much more energy the original has than the music in a section; inf without music."""
    here = slice(round(first_s * rate), round(last_s * rate))
    ours, theirs = (float(np.square(sound[:, here], dtype=np.float64).sum()) for sound in (music, original))
    if not ours:
        return np.inf
    return 10 * float(np.log10(max(theirs, 1e-12) / ours))
