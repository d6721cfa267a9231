from pathlib import Path

import av
import numpy as np
import pytest

from vmas_pipeline.media import MediaError, probe, read_audio, read_frames, replace_audio, write_video

from .conftest import FilmMaker, frame_numbers, grey_ramp

SILENCE = np.zeros((1, 16_000), dtype=np.float32)


def picture_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def end_of_sound(path: Path) -> float:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return float((packets[-1].pts + packets[-1].duration) * packets[-1].time_base)


def test_a_written_film_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "film.mp4"
    waveform = np.stack([np.sin(np.arange(16_000) / 5), np.zeros(16_000)]).astype(np.float32) / 2
    write_video(path, grey_ramp(24), 24, waveform, 16_000)
    info = probe(path)
    assert (info.video_codec, info.audio_codec, info.channels, info.fps) == ("h264", "aac", 2, 24.0)
    assert frame_numbers(read_frames(path, frame_rate=24, size=16)) == list(range(24))
    heard = read_audio(path, sample_rate=16_000, duration_s=1.0, mono=False)
    assert np.corrcoef(heard[0], waveform[0])[0, 1] > 0.98
    assert [entry.name for entry in path.parent.iterdir()] == ["film.mp4"]


def test_a_fractional_frame_rate_is_kept(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", grey_ramp(48), 9.6, np.zeros((1, 80_000), np.float32), 16_000)
    assert probe(tmp_path / "film.mp4").fps == pytest.approx(9.6)


@pytest.mark.parametrize(
    ("frames", "waveform", "rate", "name", "message"),
    [
        (grey_ramp(2, 31), SILENCE, 16_000, "film.mp4", r"expected \[T, H, W, 3\] with even H and W"),
        (grey_ramp(2), SILENCE[0], 16_000, "film.mp4", r"waveform has shape \(16000,\)"),
        (grey_ramp(2), SILENCE, 15_000, "film.mp4", r"sample_rate \(15000\) is none that AAC knows"),
        (grey_ramp(2), SILENCE, 16_000, "film.gif", r"must end in one of \.mp4"),
    ],
)
def test_what_cannot_be_written_is_named_and_leaves_no_file(
    tmp_path: Path, frames: np.ndarray, waveform: np.ndarray, rate: int, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / name, frames, 24, waveform, rate)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "codec", "sound_codec", "seconds"),
    [
        ("film.mp4", "libx264", "aac", 0.3),
        ("film.mp4", "libx265", "aac", 5.0),
        ("film.mkv", "libvpx-vp9", "libopus", 1.0),
        ("film.avi", "mpeg4", "libmp3lame", 1.0),
    ],
)
def test_the_picture_is_copied_bit_for_bit_and_the_sound_has_its_length(
    make_film: FilmMaker, tmp_path: Path, name: str, codec: str, sound_codec: str, seconds: float
) -> None:
    path = make_film(name, codec=codec, sound_codec=sound_codec, frames=grey_ramp(36))
    music = np.full((1, round(seconds * 32_000)), 0.1, dtype=np.float32)
    out = tmp_path / "out.mp4"
    replace_audio(path, music, 32_000, out)
    assert picture_packets(out) == picture_packets(path)
    assert probe(out).duration_s == pytest.approx(1.5, abs=0.05)
    assert end_of_sound(out) == pytest.approx(1.5, abs=0.05)
    assert (probe(out).audio_codec, probe(out).sample_rate) == ("aac", 32_000)


def test_the_music_starts_with_the_picture_also_where_the_source_starts_late(
    make_film: FilmMaker, tmp_path: Path
) -> None:
    path = make_film("film.ts", codec="libx264", frames=grey_ramp(24), picture_options={"bf": "2"})
    out = tmp_path / "out.mp4"
    music = np.zeros((1, 16_000), dtype=np.float32)
    music[0, 8_000:8_200] = 0.5
    replace_audio(path, music, 16_000, out)
    assert frame_numbers(read_frames(out, frame_rate=24, size=16, frames=24)) == list(range(24))
    heard = read_audio(out, sample_rate=16_000, duration_s=1.0)[0]
    assert np.flatnonzero(np.abs(heard) > 0.2)[0] == pytest.approx(8_000, abs=32)


def test_rotation_and_variable_frame_times_are_kept(make_film: FilmMaker, tmp_path: Path) -> None:
    path = make_film(frames=grey_ramp(4), ticks=[0, 100, 600, 700], rotation=90)
    out = tmp_path / "out.mp4"
    replace_audio(path, SILENCE, 16_000, out)
    with av.open(str(path)) as before, av.open(str(out)) as after:
        old, new = list(before.decode(video=0)), list(after.decode(video=0))
    assert [frame.rotation for frame in new] == [frame.rotation for frame in old] == [90] * 4
    assert [frame.time for frame in new] == pytest.approx([0.0, 0.1, 0.6, 0.7])


def test_a_film_without_sound_gets_one(make_film: FilmMaker, tmp_path: Path) -> None:
    replace_audio(make_film(sound_codec=None), SILENCE, 16_000, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").audio_codec == "aac"


def test_a_codec_that_mp4_cannot_carry_is_named_with_the_way_out(make_film: FilmMaker, tmp_path: Path) -> None:
    path = make_film("film.webm", codec="libvpx", sound_codec="libopus")
    with pytest.raises(MediaError, match=r"cannot carry a picture in vp8.*name the output out\.mkv"):
        replace_audio(path, SILENCE, 16_000, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    replace_audio(path, SILENCE, 16_000, tmp_path / "out.mkv")
    assert picture_packets(tmp_path / "out.mkv") == picture_packets(path)
