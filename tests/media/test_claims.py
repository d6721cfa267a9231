"""What a file claims is checked before the work begins."""

import struct
import time
from pathlib import Path

import pytest

from vmas_pipeline.media import Limits, MediaError, measure, read_audio, read_frames

from .conftest import ffmpeg, ramp_film


def reason(path: Path, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(MediaError) as caught:
        measure(path, limits)
    assert path.name in str(caught.value)
    return caught.value.reason


def claimed(path: Path, hours: float) -> Path:
    """An mp4 of a few kilobytes whose index says that each frame lasts for hours."""
    ramp_film(path, 0.2, "-c:v", "libx264", "-bf", "0", sound=None)
    data = bytearray(path.read_bytes())
    place = data.index(b"stts") + 8
    entries = struct.unpack(">I", data[place : place + 4])[0]
    assert entries == 1
    count = struct.unpack(">I", data[place + 4 : place + 8])[0]
    data[place + 8 : place + 12] = struct.pack(">I", round(hours * 3600 * 12_800 / count))
    path.write_bytes(bytes(data).replace(b"elst", b"free"))
    return path


def test_a_video_above_the_limit_is_refused_at_once(tmp_path: Path) -> None:
    path = ramp_film(tmp_path / "long.mkv", 3, "-c:v", "libx264", sound=None)
    with pytest.raises(MediaError, match=r"long\.mkv lasts 2 s or more: the limit is 2 \(duration_s\)") as caught:
        measure(path, Limits(duration_s=2))
    assert caught.value.reason == "too_long"


def test_hours_in_a_few_kilobytes_are_refused_in_seconds(tmp_path: Path) -> None:
    started = time.monotonic()
    assert reason(claimed(tmp_path / "day.mp4", 25)) == "too_long"
    assert reason(claimed(tmp_path / "hours.mp4", 3)) == "claim"
    for hours in (1, 100):
        path = tmp_path / f"header-{hours}.mkv"
        ramp_film(path, 0.4, "-c:v", "libx264", "-metadata:s:v", f"DURATION={hours}:00:00", sound=None)
        assert measure(path).duration_s == pytest.approx(0.4, abs=0.01)
    assert time.monotonic() - started < 30  # a limit for hangs


def test_a_picture_above_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=s=1280x720:d=0.1", "-c:v", "libx264", path)
    assert reason(path, Limits(megapixels=0.5)) == "too_large"
    assert measure(path, Limits(megapixels=1)).width == 1280


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    path = ramp_film(tmp_path / "film.mp4", 1, "-c:v", "libx264")
    assert reason(path, Limits(gigabytes=1e-6)) == "too_large"


@pytest.mark.parametrize("scheme", ["cenc-aes-ctr"])
def test_an_encrypted_video_is_called_that(tmp_path: Path, scheme: str) -> None:
    clear, path = ramp_film(tmp_path / "clear.mp4", 1, "-c:v", "libx264"), tmp_path / "drm.mp4"
    key = ["-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]
    ffmpeg("-i", clear, "-c", "copy", "-encryption_scheme", scheme, *key, path)
    assert reason(path) == "encrypted"
    for read in (
        lambda: read_frames(path, frame_rate=5, size=16, frames=2),
        lambda: read_audio(path, sample_rate=16_000),
    ):
        with pytest.raises(MediaError, match=r"drm\.mp4 is encrypted \(DRM\)"):
            read()
