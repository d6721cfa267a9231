"""Holes, overlaps and jumps of the clock."""

from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.media import MediaError, measure, read_audio, read_frames, survey

from .conftest import click_times, ffmpeg, ramp_film, ramp_numbers


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return ramp_film(tmp_path / "film.mkv", 6, "-c:v", "libx264", "-g", "25", sound="flac")


@pytest.mark.parametrize(("begin", "end"), [(2.0, 4.0), (2.2, 2.3)])
def test_a_hole_in_the_sound_is_silence_and_what_follows_stays_in_its_place(
    film: Path, tmp_path: Path, begin: float, end: float
) -> None:
    holed = tmp_path / "holed.mkv"
    cut = f"asetnsamples=480,aselect='not(between(t,{begin},{end - 0.001}))'"
    ffmpeg("-i", film, "-c:v", "copy", "-c:a", "flac", "-frame_size", 480, "-af", cut, holed)
    whole, heard = (read_audio(path, sample_rate=16_000, duration_s=6)[0] for path in (film, holed))
    hole = slice(round(begin * 16_000) + 200, round(end * 16_000) - 200)
    assert np.abs(heard[hole]).max() < 1e-3
    np.testing.assert_allclose(heard[round(end * 16_000) + 200 :], whole[round(end * 16_000) + 200 :], atol=2e-3)
    later = read_audio(holed, sample_rate=16_000, start_s=5.0, duration_s=1.0)[0]
    np.testing.assert_allclose(later, whole[80_000:], atol=2e-3)


def test_sound_that_is_stamped_twice_is_heard_once_and_the_rest_in_its_place(film: Path, tmp_path: Path) -> None:
    first, second, both = tmp_path / "1.mkv", tmp_path / "2.mkv", tmp_path / "both.mkv"
    ffmpeg("-i", film, "-t", 3.0, "-map", "0:a", "-c", "copy", first)
    ffmpeg("-ss", 2.5, "-i", film, "-map", "0:a", "-c:a", "flac", second)
    listing = tmp_path / "list.txt"
    listing.write_text(
        f"file '{first}'\nduration 2.5\nfile '{second}'\n"
    )  # the second one begins before the first ends
    ffmpeg("-f", "concat", "-safe", 0, "-i", listing, "-i", film, "-map", "1:v", "-map", "0:a", "-c", "copy", both)
    heard = read_audio(both, sample_rate=16_000, duration_s=6)[0]
    np.testing.assert_allclose(click_times(heard, 16_000), np.arange(6) + 0.5, atol=2e-3)


@pytest.mark.parametrize(("late", "begins"), [("video", -1.5), ("audio", 1.5)])
def test_streams_that_begin_apart_stay_apart(film: Path, tmp_path: Path, late: str, begins: float) -> None:
    path, tracks = tmp_path / "apart.mp4", ("1:v", "0:a") if late == "video" else ("0:v", "1:a")
    maps = ["-map", tracks[0], "-map", tracks[1]]
    ffmpeg("-i", film, "-itsoffset", 1.5, "-i", film, *maps, "-c:v", "copy", "-c:a", "aac", path)
    clicks = click_times(read_audio(path, sample_rate=16_000, duration_s=4)[0], 16_000)
    expected = np.arange(6) + 0.5 + begins
    np.testing.assert_allclose(clicks, expected[(expected >= 0) & (expected < 4)], atol=3e-3)
    assert ramp_numbers(read_frames(path, frame_rate=25, size=16, frames=3)) == [0, 1, 2]


def test_a_gap_in_the_picture_holds_the_last_frame(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    source = ramp_film(tmp_path / "film.mkv", 4, "-c:v", "libx264", sound=None)
    ffmpeg("-i", source, "-vf", "select='not(between(n,25,74))'", "-fps_mode", "passthrough", path)
    shown = ramp_numbers(read_frames(path, frame_rate=5, size=16, start_s=0.5, frames=16))
    assert shown == [12, 17, 22, *[24] * 10, 77, 82, 87]
    assert survey(path, times=[], sizes=[16], spans=[(0, 1), (1, 3), (3, 4)]).picture.round(1).tolist() == [1, 0, 1]


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_a_clock_that_jumps_is_recognised_at_once_with_a_way_out(tmp_path: Path, order: tuple[str, str]) -> None:
    for name, offset in (("early", 0), ("late", 3_600)):
        ramp_film(tmp_path / f"{name}.ts", 2, "-c:v", "libx264", "-output_ts_offset", str(offset), sound=None)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((tmp_path / f"{name}.ts").read_bytes() for name in order))
    with pytest.raises(MediaError, match=r"joined\.ts has a clock that jumps by .* at 1.9 s.*ffmpeg -i IN") as caught:
        measure(joined)
    assert caught.value.reason == "clock"


def test_a_clock_that_wraps_goes_on(tmp_path: Path) -> None:
    path = ramp_film(tmp_path / "wraps.ts", 4, "-c:v", "libx264", "-output_ts_offset", "95442")
    assert measure(path).duration_s == pytest.approx(4.0, abs=0.01)
    assert ramp_numbers(read_frames(path, frame_rate=25, size=16, start_s=3.0, frames=3)) == [75, 76, 77]
