from functools import cache

import numpy as np
import pytest

from vmas_pipeline.audio.onsets import match_times, onset_times
from vmas_pipeline.sample_data import timeline as timelines
from vmas_pipeline.sample_data.instruments import INSTRUMENTS
from vmas_pipeline.sample_data.music import perform
from vmas_pipeline.sample_data.score import compose
from vmas_pipeline.sample_data.styles import STYLES, Style, style_named
from vmas_pipeline.sample_data.timeline import draw_timeline
from vmas_pipeline.sample_data.tones import frequency, tone

RATE = 16_000
EACH_STYLE = pytest.mark.parametrize("style", [style.name for style in STYLES])


@cache
def made(style: str, seed: int, density: tuple[float, float] = timelines.DENSITY) -> tuple[np.ndarray, np.ndarray]:
    """The music of 5 s and the times of its events."""
    random = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timelines, "DENSITY", density)
        look: Style = style_named(style)
        timeline = draw_timeline(5.0, random, beat_s=look.beat_s, metres=look.metres)
    score = compose(look, timeline, random)
    return perform(score, samples=5 * RATE, sample_rate=RATE), timeline.times_s[timeline.heard]


def f1(style: str, density: tuple[float, float], films: int) -> float:
    matched = total = 0
    for music, events in (made(style, seed, density) for seed in range(films)):
        if len(events) == 0:
            continue  # librosa measures onsets against the loudest one: without any, it finds some in every sound
        onsets = onset_times(music, RATE)
        matched += len(match_times(onsets, events, 0.05))
        total += len(onsets) + len(events)
    return 2 * matched / total


def cents_off(music: np.ndarray) -> np.ndarray:
    """Distance of each loud quarter second's strongest partial from the twelve-tone scale."""
    frames = np.lib.stride_tricks.sliding_window_view(music, 4_096)[::1_024] * np.hanning(4_096)
    power = (frames**2).sum(axis=1)
    spectra = np.log(np.abs(np.fft.rfft(frames[power > power.max() / 100])) + 1e-9)
    peaks = spectra[:, 12:-1].argmax(axis=1) + 12
    before, at, after = (spectra[np.arange(len(peaks)), peaks + step] for step in (-1, 0, 1))
    pitches = 12 * np.log2((peaks + 0.5 * (before - after) / (before - 2 * at + after)) * RATE / 4_096 / 440)
    return 100 * np.abs(pitches - np.round(pitches))


@EACH_STYLE
def test_the_same_score_gives_the_same_music(style: str) -> None:
    first = made(style, 1)[0]
    made.cache_clear()
    np.testing.assert_array_equal(made(style, 1)[0], first)
    assert first.dtype == np.float32 and first.shape == (5 * RATE,)


@EACH_STYLE
@pytest.mark.parametrize("density", [(0.5, 0.5), (4.0, 4.0)], ids=["calm", "lively"])
def test_onsets_are_the_heard_events(style: str, density: tuple[float, float]) -> None:
    assert f1(style, density, films=5) > 0.95


@EACH_STYLE
def test_music_is_in_tune(style: str) -> None:
    off = np.concatenate([cents_off(made(style, seed)[0]) for seed in range(5)])
    assert (off < 25).mean() > 0.98


@EACH_STYLE
def test_music_is_neither_silent_nor_clipped(style: str) -> None:
    for seed in range(5):
        music = made(style, seed)[0]
        blocks = music.reshape(-1, RATE // 4)
        assert np.abs(music).max() < 0.98
        assert -36 < 20 * np.log10(music.std()) < -14
        assert 20 * np.log10(blocks.std(axis=1).min()) > -40


@EACH_STYLE
def test_nothing_clicks(style: str) -> None:
    assert all(
        INSTRUMENTS[name].attack_s >= 0.003 for name in vars(style_named(style).band).values() if name is not None
    )
    music = made(style, 2)[0]
    assert np.abs(music[:4]).max() < 0.02 and np.abs(music[-4:]).max() < 0.02


def test_a_note_struck_again_continues_its_wave() -> None:
    hz = frequency(38)
    assert hz == pytest.approx(73.42, abs=0.01)
    music, events = made("techno", 4, (4.0, 4.0))
    assert len(events) > 6
    assert (cents_off(music) < 25).mean() > 0.95


def test_tones_are_kept_and_read_only() -> None:
    first = tone("guitar", 60, 1, RATE)
    assert tone("guitar", 60, 1, RATE) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_another_sample_rate_gives_the_same_sound() -> None:
    spectra = [np.abs(np.fft.rfft(tone("guitar", 60, 1, rate)[: rate // 2])) / rate for rate in (16_000, 32_000)]
    peaks = [spectrum[:2_000].argmax() * 2 for spectrum in spectra]
    assert peaks == [pytest.approx(frequency(60), abs=2)] * 2


def test_partials_above_the_nyquist_frequency_are_left_out() -> None:
    assert np.abs(tone("square lead", 120, 1, 8_000)[200:400]).max() < 0.02
