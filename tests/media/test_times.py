"""Reading follows timestamps: a span read at an offset is what the video shows there, in any container."""

import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmas_pipeline.media import measure, read_audio, read_frames
from vmas_pipeline.media.container import seconds

from .conftest import click_times, ramp_film, ramp_numbers

SECONDS = 8
X264, X265 = ("-c:v", "libx264", "-crf", "6"), ("-c:v", "libx265", "-crf", "6", "-x265-params")

KINDS = {
    "plain.mp4": (*X264, "-g", "25", "-bf", "0"),
    "reordered.mp4": (*X264, "-g", "60", "-bf", "3"),
    "reordered.mkv": (*X264, "-g", "60", "-bf", "3"),
    "one-key-frame.mkv": (*X264, "-g", "9999", "-sc_threshold", "0"),
    "open-groups.mkv": (*X264, "-x264-params", "open-gop=1:keyint=40:bframes=3"),
    "open-groups.ts": (*X264, "-x264-params", "open-gop=1:keyint=40:bframes=3"),
    "long-groups.ts": (*X264, "-g", "150", "-bf", "3"),
    "intra-refresh.ts": (*X264, "-x264-params", "intra-refresh=1:keyint=30:bframes=0"),
    "hevc.mkv": (*X265, "log-level=none:pools=1:keyint=50:open-gop=1"),
    "hevc.mp4": (*X265, "log-level=none:pools=1:keyint=50:open-gop=1"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "30"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bf", "2", "-g", "15"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "60"),
    "vp9.webm": (
        "-c:v",
        "libvpx-vp9",
        "-crf",
        "12",
        "-b:v",
        "0",
        "-g",
        "75",
        "-cpu-used",
        "8",
        "-deadline",
        "realtime",
    ),
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "2M", "-g", "75", "-auto-alt-ref", "1", "-lag-in-frames", "16"),
    "h263.flv": ("-c:v", "flv", "-q:v", "2", "-g", "75", "-ar", "44100"),
    "wmv.wmv": ("-c:v", "wmv2", "-q:v", "2", "-g", "75"),
    "late.ts": (*X264, "-g", "50", "-output_ts_offset", "95439"),  # the clock wraps after 4.7 s
}
SOUNDS = {".webm": "libopus", ".mpg": "mp2", ".avi": "libmp3lame", ".flv": "libmp3lame", ".wmv": "wmav2"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("times")

    @functools.cache
    def make(name: str) -> Path:
        path = folder / name
        return ramp_film(path, SECONDS, *KINDS[name], sound=SOUNDS.get(path.suffix, "aac"))

    return make


@pytest.mark.parametrize("name", KINDS)
def test_a_span_shows_the_frames_of_its_moment(film, name: str) -> None:
    path, first = film(name), ramp_numbers(read_frames(film(name), frame_rate=25, size=16, frames=1))[0]

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.integers(0, 25 * SECONDS + 20), st.sampled_from([0.0, 0.3, 0.7]), st.sampled_from([9.6, 25.0, 30.0]))
    def check(frame: int, part: float, rate: float) -> None:
        start_s = (frame + part) / 25
        shown = read_frames(path, frame_rate=rate, size=16, start_s=start_s, frames=12)
        last = round(measure(path).duration_s * 25) - 1
        moments = [min(last, int((start_s + i / rate) * 25 + 0.03)) for i in range(12)]
        assert ramp_numbers(shown) == [(first + moment) % 100 for moment in moments]

    check()


@pytest.mark.parametrize("name", KINDS)
def test_sound_lies_where_its_stamps_say_and_a_span_has_the_samples_of_the_whole(film, name: str) -> None:
    path = film(name)
    whole = read_audio(path, sample_rate=16_000, duration_s=SECONDS)[0]
    zero_s = measure(path).start_s
    clicks = click_times(whole, 16_000)
    # the clicks of the source, on a clock that begins with the first frame: encoders start the picture later or sooner
    np.testing.assert_allclose(np.diff(clicks), 1.0, atol=2e-3)
    assert abs((clicks[0] - 0.5 + 0.5) % 1 - 0.5) < 0.15, zero_s

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.integers(0, 16 * SECONDS - 17), st.sampled_from([16_000, 8_000]))
    def check(sixteenth: int, length: int) -> None:
        first = sixteenth * 1_000
        span = read_audio(path, sample_rate=16_000, start_s=first / 16_000, duration_s=length / 16_000)[0]
        if name == "vp8.webm":  # Vorbis has blocks of two lengths: what Matroska rounds cannot be undone
            np.testing.assert_allclose(
                click_times(span, 16_000), click_times(whole[first : first + length], 16_000), atol=2e-3
            )
        else:
            np.testing.assert_allclose(span, whole[first : first + length], atol=5e-3)

    check()


@given(st.integers(-(2**62), 2**62), st.fractions(min_value=0, max_value=10, max_denominator=10**9))
def test_ticks_become_the_seconds_that_fractions_give(ticks, tick):
    assert seconds(ticks, tick) == float(ticks * tick)
