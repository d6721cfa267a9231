"""Damage is measured, and not padded over."""

from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.media import MediaError, measure, read_frames, survey

from .conftest import ffmpeg, ramp_film

SPANS = [(float(second), second + 1.0) for second in range(12)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    noise = ["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=12", "-f", "lavfi", "-i", "anoisesrc=d=12:a=0.2:r=44100"]
    ffmpeg(*noise, "-c:v", "libx264", "-g", 25, "-c:a", "aac", "-movflags", "+faststart", folder / "film.mp4")
    ffmpeg(*noise, "-c:v", "mpeg4", "-c:a", "mp3", folder / "film.avi")
    for ending in ("mkv", "ts"):
        ffmpeg("-i", folder / "film.mp4", "-c", "copy", folder / f"film.{ending}")
    return folder


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
def test_a_whole_video_is_present_everywhere(films: Path, ending: str) -> None:
    found = survey(films / f"film.{ending}", times=[0.5, 11.5], sizes=[16], spans=SPANS)
    assert found.frames[16].shape == (2, 16, 16, 3)
    assert found.picture.min() > 0.95  # FFmpeg's AVIs have one empty frame
    assert found.picture[1:].min() > 0.98 and found.sound[:-1].min() > 0.98 and found.sound[-1] > 0.9


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_damaged_middle_is_missing_there_and_nowhere_else(films: Path, tmp_path: Path, ending: str) -> None:
    content = bytearray((films / f"film.{ending}").read_bytes())
    begin, end = round(len(content) * 0.45), round(len(content) * 0.55)
    content[begin:end] = np.random.default_rng(1).bytes(end - begin)
    path = tmp_path / f"damaged.{ending}"
    path.write_bytes(content)
    found = survey(path, times=[], sizes=[16], spans=SPANS)
    whole = np.delete(np.arange(12), [4, 5, 6])
    assert found.picture[5] < 0.5 and found.sound[5] < 0.6
    assert found.picture[whole].min() > 0.98 and found.sound[whole[:-1]].min() > 0.98


def test_what_is_behind_a_damaged_middle_is_still_read(films: Path, tmp_path: Path) -> None:
    content = bytearray((films / "film.mp4").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4_000] = bytes(4_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    whole, damaged = (read_frames(p, frame_rate=5, size=16, start_s=8.0, frames=20) for p in (films / "film.mp4", path))
    np.testing.assert_array_equal(damaged, whole)


@pytest.mark.parametrize(("track", "share"), [("v", "picture"), ("a", "sound")])
def test_a_stream_that_ends_early_is_missing_afterwards(films: Path, tmp_path: Path, track: str, share: str) -> None:
    path, other = tmp_path / "short.mkv", "a" if track == "v" else "v"
    maps = ["-map", f"0:{track}", "-map", f"1:{other}"]
    ffmpeg("-t", 6, "-i", films / "film.mp4", "-i", films / "film.mp4", *maps, "-c", "copy", path)
    found = getattr(survey(path, times=[], sizes=[16], spans=SPANS), share)
    assert found[:5].min() > 0.98 and found[7:].max() == 0


def test_a_video_without_sound_has_none_of_it(tmp_path: Path) -> None:
    path = ramp_film(tmp_path / "mute.mp4", 2, "-c:v", "libx264", sound=None)
    assert survey(path, times=[], sizes=[16], spans=SPANS[:2]).sound.tolist() == [0, 0]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_slow_and_variable_rates_are_no_damage(tmp_path: Path, ending: str) -> None:
    slides, varied = tmp_path / f"slides.{ending}", tmp_path / f"varied.{ending}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/3:d=12", "-c:v", "libx264", "-bf", 0, slides)
    times = "setpts=if(lt(N\\,48)\\,N/24\\,if(lt(N\\,96)\\,2+(N-48)/8\\,8+(N-96)/48))/TB"
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=12", "-vf", times, "-fps_mode", "vfr"]
    ffmpeg(*source, "-c:v", "libx264", varied)
    for path in (slides, varied):
        last = measure(path).duration_s
        assert survey(path, times=[], sizes=[16], spans=[s for s in SPANS if s[1] <= last]).picture.min() > 0.98


def test_frames_lost_at_random_are_no_variable_rate(tmp_path: Path) -> None:
    path = tmp_path / "holes.mkv"
    lost = "select='lt(random(3)\\,0.3)'"
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=12", "-vf", lost, "-fps_mode", "passthrough"]
    ffmpeg(*source, "-c:v", "libx264", "-g", 1, path)
    assert survey(path, times=[], sizes=[16], spans=[(0, 11)]).picture.max() < 0.98


def test_nothing_that_can_be_decoded_is_an_error(films: Path, tmp_path: Path) -> None:
    content = bytearray((films / "film.mp4").read_bytes())
    begin = content.index(b"mdat")
    content[begin + 4 :] = bytes(len(content) - begin - 4)
    path = tmp_path / "empty.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="holds no frame that can be decoded") as caught:
        survey(path, times=[], sizes=[16], spans=SPANS)
    assert caught.value.reason == "truncated"
