"""Loudness and true peak against closed forms, and against FFmpeg's own meter."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vmas_pipeline.audio.level import integrated_loudness as loudness
from vmas_pipeline.media import write_sound
from vmas_pipeline.production.loudness import level, true_peak_db

RATE = 48_000


def sine(hertz: float, seconds: float, amplitude: float = 1.0, phase: float = 0.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase))[None].astype(
        np.float32
    )


def drums(channels: int = 1) -> np.ndarray:
    """Six seconds of decaying noise: peaks far above the mean."""
    draw, beat = np.random.default_rng(0), np.exp(-np.arange(RATE // 2) / 2_000)
    return np.stack([np.tile(beat, 12) * draw.normal(size=6 * RATE) for _ in range(channels)]).astype(np.float32) * 0.05


def measured_by_ffmpeg(waveform: np.ndarray, folder: Path) -> tuple[float, float]:
    """Integrated loudness and true peak by FFmpeg's ebur128."""
    write_sound(folder / "sound.wav", waveform, RATE, kind="WAV", bits=24)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostats", "-i", folder / "sound.wav"]
    said = subprocess.run([*command, "-af", "ebur128=peak=true", "-f", "null", "-"], capture_output=True, text=True)
    summary = said.stderr.split("Summary:")[1]
    found = (re.search(pattern, summary) for pattern in (r"I:\s+(\S+) LUFS", r"Peak:\s+(\S+) dBFS"))
    loud, peak = (float(match[1]) for match in found if match)
    return loud, peak


def test_a_full_sine_of_one_channel_has_the_standards_loudness() -> None:
    assert loudness(sine(997, 5), RATE) == pytest.approx(-3.01, abs=0.05)  # BS.1770-4, annex 1
    assert loudness(np.repeat(sine(997, 5, 10 ** (-23 / 20)), 2, axis=0), RATE) == pytest.approx(-23, abs=0.05)


def test_a_peak_between_the_samples_is_found() -> None:
    quarter = sine(RATE / 4, 1, phase=np.pi / 4)  # all samples are at 0.707 of the peak
    assert np.abs(quarter).max() == pytest.approx(0.7071, abs=1e-3)
    assert true_peak_db(quarter) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(("lufs", "limits"), [(-14.0, True), (-30.0, False)])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_met_below_the_true_peak_by_another_meter_too(
    lufs: float, limits: bool, channels: int, tmp_path: Path
) -> None:
    sound = drums(channels)
    found = level(sound, RATE, lufs, -1.0)
    loud, peak = measured_by_ffmpeg(sound * found.gain, tmp_path)
    assert loud == pytest.approx(lufs, abs=0.5)
    assert peak <= -0.9  # FFmpeg prints one decimal
    assert found.lufs == pytest.approx(loud, abs=0.1)
    assert (found.limited_db > 0) == limits
    assert np.ptp(found.gain) > 0 if limits else np.ptp(found.gain) == 0


def test_without_a_loudness_only_a_peak_above_the_bound_is_lowered() -> None:
    quiet, loud = sine(500, 1, 0.5), sine(500, 1, 1.5)
    assert np.array_equal(quiet * level(quiet, RATE, None, -1.0).gain, quiet)
    assert true_peak_db(loud * level(loud, RATE, None, -1.0).gain) == pytest.approx(-1, abs=0.02)


def test_silence_and_moments_have_a_level() -> None:
    assert loudness(np.zeros((1, RATE), np.float32), RATE) == -np.inf
    assert not (np.zeros((2, 100)) * level(np.zeros((2, 100)), RATE, -14, -1).gain).any()
    assert level(sine(997, 0.05, 0.1), RATE, -14, -1.0).lufs == pytest.approx(-14, abs=0.5)
