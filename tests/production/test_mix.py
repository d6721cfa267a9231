from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vmas_pipeline.audio.level import integrated_loudness as loudness
from vmas_pipeline.generator import Music
from vmas_pipeline.media import measure, read_audio, write_video
from vmas_pipeline.production.mix import BREATH_S, Mix, mix
from vmas_pipeline.production.options import Options
from vmas_pipeline.production.speech import find_speech

from ..media.conftest import ffmpeg
from .talking import talk

RATE = 16_000


def noise(seconds: float) -> Music:
    return Music(waveform=0.1 * np.random.default_rng(1).normal(size=(1, round(seconds * RATE))), sample_rate=RATE)


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds in which somebody speaks from 2 to 4.5 s, over a quiet room, in stereo at 48 kHz."""
    path = tmp_path_factory.mktemp("films") / "dialogue.mp4"
    sound = 0.001 * np.random.default_rng(0).normal(size=10 * RATE)
    sound[2 * RATE : round(4.5 * RATE)] += 0.3 * talk(2.5)
    frames = np.zeros((100, 32, 48, 3), np.uint8)
    write_video(path.with_suffix(".mkv"), frames, 10, sound[None].astype(np.float32), RATE)
    ffmpeg("-i", path.with_suffix(".mkv"), "-c:v", "copy", "-ac", "2", "-ar", "48000", path)
    return path


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "silent.mp4"
    write_video(path, np.zeros((20, 32, 48, 3), np.uint8), 10, None, RATE)
    return path


def mixed(video: Path, music: Music, start_s: float = 0.0, **options: Any) -> Mix:
    return mix(music, start_s, video, measure(video), Options(**options))


def db(sound: np.ndarray, rate: int, first_s: float, last_s: float) -> float:
    return float(10 * np.log10(np.mean(sound[:, round(first_s * rate) : round(last_s * rate)] ** 2)))


def test_speech_stands_above_ducked_music_and_music_comes_back(dialogue: Path) -> None:
    heard = find_speech(read_audio(dialogue, sample_rate=RATE)[0])
    assert heard and abs(heard[0][0] - 2) < 0.2 and abs(heard[-1][1] - 4.5) < 0.2
    result = mixed(dialogue, noise(10), original="duck")
    voice, rate = result.sound - result.music, result.sample_rate
    assert (rate, len(result.sound)) == (48_000, 2)  # those of the original
    for first in np.arange(2.2, 4.3, 0.4):
        assert db(voice, rate, first, first + 0.4) - db(result.music, rate, first, first + 0.4) >= 12
    assert result.about["speech_over_music_db"] >= 12
    before, after = db(result.music, rate, 0.5, 1.5), db(result.music, rate, 4.6 + BREATH_S, 9)
    assert abs(before - after) < 1 and before - db(result.music, rate, 2.5, 4) > 8
    assert result.about["lufs"] == pytest.approx(-14, abs=0.5) and result.about["true_peak_db"] <= -1


def test_a_kept_original_is_heard_as_it_was_beside_music_of_its_loudness(dialogue: Path) -> None:
    result = mixed(dialogue, noise(10), original="keep", music_db=-6, lufs=None)
    original = read_audio(dialogue, sample_rate=48_000, channels=2, duration_s=10)
    np.testing.assert_allclose(result.sound - result.music, original, atol=1e-5)
    assert loudness(result.music, 48_000) == pytest.approx(loudness(original, 48_000) - 6, abs=0.1)


@pytest.mark.parametrize("original", ["keep", "duck"])
def test_a_video_without_sound_gets_the_music_alone(silent: Path, original: str) -> None:
    result = mixed(silent, noise(2), original=original)
    assert result.about["original"] == "none: the video has no sound"
    assert np.array_equal(result.sound, result.music) and result.sample_rate == RATE


def test_an_original_that_is_silent_is_no_obstacle(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", np.zeros((20, 32, 48, 3), np.uint8), 10, np.zeros((1, 2 * RATE)), RATE)
    result = mixed(tmp_path / "film.mp4", noise(2), original="duck")
    assert result.about["original_lufs"] is None
    assert result.about["lufs"] == pytest.approx(-14, abs=0.5)


def test_six_channels_are_kept_as_two(silent: Path, tmp_path: Path) -> None:
    tone = "sine=440:d=2,pan=5.1|c0=c0|c1=0*c0|c2=0*c0|c3=0*c0|c4=0*c0|c5=0*c0"
    ffmpeg("-i", silent, "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a", "aac", tmp_path / "film.mp4")
    result = mixed(tmp_path / "film.mp4", noise(2), original="keep", music_db=-40)
    assert result.sound.shape[0] == 2
    voice = result.sound - result.music
    assert db(voice, result.sample_rate, 0.5, 1.5) > -40 and np.std(voice[0]) > 10 * np.std(voice[1])  # front left


def test_music_is_where_it_was_wished_with_its_fades_and_the_sound_has_the_videos_length(silent: Path) -> None:
    result = mixed(silent, noise(1), 0.5, fade_in_s=0.2, fade_out_s=0.4, sample_rate=44_100, channels=2)
    assert result.sound.shape == (2, 2 * 44_100)
    assert not result.sound[:, : 22_050 - 100].any() and not result.sound[:, 66_150 + 100 :].any()
    whole = db(result.sound, 44_100, 0.8, 1.0)
    assert db(result.sound, 44_100, 0.5, 0.55) < whole - 10 and db(result.sound, 44_100, 1.45, 1.5) < whole - 15


def test_as_generated_is_as_generated(silent: Path) -> None:
    music = replace(noise(2), waveform=noise(2).waveform.astype(np.float32))
    assert np.array_equal(mixed(silent, music, lufs=None).sound, music.waveform)
