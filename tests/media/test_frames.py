import numpy as np
import pytest

from vmas_pipeline.media import read_audio, read_frames

from .conftest import FilmMaker, frame_numbers, grey_ramp


def tone(seconds: float, sample_rate: int, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def test_frames_are_those_on_show_at_each_time(make_film: FilmMaker) -> None:
    frames = read_frames(make_film(), frame_rate=9.6, size=16, frames=10)
    assert frames.shape == (10, 16, 16, 3)
    assert frame_numbers(frames) == [int(i / 9.6 * 24 + 1e-6) for i in range(10)]


def test_without_a_count_the_whole_picture_is_read(make_film: FilmMaker) -> None:
    assert frame_numbers(read_frames(make_film(), frame_rate=24, size=16)) == list(range(24))


def test_past_the_end_the_last_frame_is_repeated(make_film: FilmMaker) -> None:
    frames = read_frames(make_film(), frame_rate=12, size=16, start_s=0.75, frames=8)
    assert frame_numbers(frames) == [18, 20, 22, 23, 23, 23, 23, 23]


def test_reading_from_the_middle_equals_reading_all(make_film: FilmMaker) -> None:
    path = make_film(frames=grey_ramp(40), picture_options={"g": "12", "bf": "2"})
    whole = read_frames(path, frame_rate=24, size=16)
    middle = read_frames(path, frame_rate=24, size=16, start_s=1.0, frames=10)
    np.testing.assert_array_equal(middle, whole[24:34])


def test_variable_frame_rate_shows_frames_by_their_times(make_film: FilmMaker) -> None:
    path = make_film(frames=grey_ramp(4), ticks=[0, 100, 600, 700], sound_codec=None)
    assert frame_numbers(read_frames(path, frame_rate=10, size=16, frames=8)) == [0, 1, 1, 1, 1, 1, 2, 3]


def test_a_late_start_counts_from_the_first_frame(make_film: FilmMaker) -> None:
    path = make_film("film.ts", frames=grey_ramp(12), codec="mpeg2video", ticks=None, rate=24)
    assert frame_numbers(read_frames(path, frame_rate=24, size=16, frames=4)) == [0, 1, 2, 3]


def test_sixty_frames_a_second(make_film: FilmMaker) -> None:
    path = make_film(frames=grey_ramp(30), rate=60)
    assert frame_numbers(read_frames(path, frame_rate=20, size=16)) == list(range(0, 30, 3))


@pytest.mark.parametrize(
    ("name", "codec", "sound_codec", "pix_fmt"),
    [
        ("film.mkv", "libvpx-vp9", "libopus", "yuv420p"),
        ("film.webm", "libvpx", "libopus", "yuv420p"),
        ("film.ts", "mpeg2video", "mp2", "yuv420p"),
        ("film.mov", "libx264", "aac", "yuv422p10le"),
    ],
)
def test_other_containers_codecs_and_pixels(
    make_film: FilmMaker, name: str, codec: str, sound_codec: str, pix_fmt: str
) -> None:
    sound = tone(1, 48_000)[None].astype(np.float32)
    path = make_film(name, codec=codec, sound_codec=sound_codec, pix_fmt=pix_fmt, sound=sound)
    assert frame_numbers(read_frames(path, frame_rate=12, size=16, frames=6)) == [0, 2, 4, 6, 8, 10]
    heard = read_audio(path, sample_rate=16_000, start_s=0.25, duration_s=0.5)
    assert heard.shape == (1, 8_000)
    assert np.argmax(np.abs(np.fft.rfft(heard[0]))) == pytest.approx(220, abs=1)  # 440 Hz in bins of 2 Hz


def test_the_centre_is_cut_out_of_a_wide_picture(make_film: FilmMaker) -> None:
    wide = np.zeros((4, 32, 96, 3), dtype=np.uint8)
    wide[:, :, 32:64] = 200
    frames = read_frames(make_film(frames=wide), frame_rate=24, size=32, frames=1)
    assert frames[0, :, 2:-2].mean() > 190


@pytest.mark.parametrize(("rotation", "corner"), [(90, (0, 0)), (180, (1, 0)), (270, (1, 1))])
def test_display_rotation_turns_the_picture_upright(
    make_film: FilmMaker, rotation: int, corner: tuple[int, int]
) -> None:
    stored = np.zeros((4, 32, 32, 3), dtype=np.uint8)
    stored[:, :16, 16:] = 200  # top right; turned anticlockwise by 90 degrees it is top left
    frame = read_frames(make_film(frames=stored, rotation=rotation), frame_rate=24, size=32, frames=1)[0, ..., 0]
    quarters = frame.reshape(2, 16, 2, 16).mean((1, 3))
    assert np.unravel_index(np.argmax(quarters), (2, 2)) == corner


def test_a_start_behind_the_end_shows_the_last_frame(make_film: FilmMaker) -> None:
    assert frame_numbers(read_frames(make_film(), frame_rate=10, size=16, start_s=5.0, frames=2)) == [23, 23]
