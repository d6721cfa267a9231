import pickle
from pathlib import Path

import pytest

from vmas_pipeline.media import MediaError, measure, probe

from .conftest import FilmMaker, ffmpeg, grey_ramp, ramp_film


def test_probe_reads_size_rates_and_codecs(make_film: FilmMaker) -> None:
    info = probe(make_film(layout="stereo", sample_rate=44_100))
    assert (info.width, info.height, info.fps, info.video_codec) == (64, 48, 24.0, "h264")
    assert (info.audio_codec, info.sample_rate, info.channels) == ("aac", 44_100, 2)
    assert info.duration_s == pytest.approx(1.0, abs=0.01)


def test_probe_allows_a_film_without_sound(make_film: FilmMaker) -> None:
    assert probe(make_film(sound_codec=None)).audio_codec is None


def test_probe_goes_by_content_where_the_ending_is_wrong(make_film: FilmMaker) -> None:
    path = make_film("film.mkv")
    assert probe(path.rename(path.with_suffix(".mp4"))).video_codec == "h264"


@pytest.mark.parametrize(
    "content",
    [b"just a text\n" * 40, b"", b"#EXTM3U\n#EXTINF:10,\nfilm.mp4\n", b"ffconcat version 1.0\nfile film.mp4\n"],
)
def test_probe_refuses_text_and_playlists(tmp_path: Path, content: bytes, make_film: FilmMaker) -> None:
    make_film()
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"text\.mp4 cannot be read as a video") as caught:
        probe(path)
    assert caught.value.reason == "unreadable"


def test_probe_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no such file"):
        probe(tmp_path / "missing.mp4")


def test_probe_refuses_sound_alone(tmp_path: Path, make_film: FilmMaker) -> None:
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "sound.wav", np.zeros(1600), 16_000)
    with pytest.raises(MediaError, match="no moving picture") as caught:
        probe(tmp_path / "sound.wav")
    assert caught.value.reason == "no_video"


def test_what_is_there_is_measured_where_a_download_was_cut_off(make_film: FilmMaker) -> None:
    path = make_film(frames=grey_ramp(48), container_options={"movflags": "+faststart"}, picture_options={"g": "4"})
    assert measure(path).duration_s == pytest.approx(2.0, abs=0.01)
    content = path.read_bytes()
    begin = content.index(b"mdat")
    path.write_bytes(content[: begin + (len(content) - begin) // 2])
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.01)
    assert 0.1 < measure(path).duration_s < 1.6


def test_a_file_cut_before_its_index_is_unreadable(make_film: FilmMaker) -> None:
    path = make_film()
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov")])
    with pytest.raises(MediaError, match="its index is missing") as caught:
        probe(path)
    path.write_bytes(content[: content.index(b"stsd")])
    with pytest.raises(MediaError, match="its index is damaged or cut off") as caught:
        probe(path)
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("name", ["live.mkv", "live.webm"])
def test_a_length_that_headers_do_not_say_is_measured(tmp_path: Path, name: str) -> None:
    codec = ["-c:v", "libvpx", "-deadline", "realtime"] if name.endswith("webm") else ["-c:v", "libx264"]
    path = ramp_film(tmp_path / name, 2, *codec, "-live", "1", sound="libopus")
    assert probe(path).duration_s == 0
    assert measure(path).duration_s == pytest.approx(2.0, abs=0.01)


def test_the_default_track_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    sizes = [f"testsrc2=s={size}:r=10:d=1" for size in ("64x48", "96x64")]
    inputs = [option for source in sizes for option in ("-f", "lavfi", "-i", source)]
    ffmpeg(*inputs, "-map", 0, "-map", 1, "-disposition:0", 0, "-disposition:1", "default", path)
    assert (probe(path).width, probe(path).height) == (96, 64)


def test_cover_art_is_no_picture(tmp_path: Path) -> None:
    cover, path = tmp_path / "cover.jpg", tmp_path / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=100x100", "-frames:v", 1, cover)
    film = ramp_film(tmp_path / "plain.mp4", 1, "-c:v", "libx264")
    ffmpeg("-i", cover, "-i", film, "-map", 0, "-map", 1, "-c", "copy", "-disposition:0", "attached_pic", path)
    assert (probe(path).width, probe(path).video_codec) == (64, "h264")


def test_media_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(MediaError("truncated", "it is short")))
    assert (error.reason, str(error)) == ("truncated", "it is short")
