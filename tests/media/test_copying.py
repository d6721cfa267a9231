"""Music under a copied picture: 14 codecs in four containers, and what goes along."""

import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vmas_pipeline.media import MediaError, check_output, measure, probe, read_audio, read_frames, replace_audio

from .conftest import RAMP, FilmMaker, click_times, ffmpeg, grey_ramp, picture_hashes, ramp_film

SILENCE = np.zeros((1, 16_000), dtype=np.float32)
CODECS = {
    "h264.mkv": ("-c:v", "libx264", "-bf", "3"),
    "h264.ts": ("-c:v", "libx264", "-bf", "3"),
    "h264.h264": ("-c:v", "libx264", "-bf", "0"),
    "hevc.mkv": ("-c:v", "libx265", "-x265-params", "log-level=none:pools=1:bframes=3"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-bf", "2"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-bf", "2"),
    "vp8.webm": ("-c:v", "libvpx"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"),
    "av1.webm": ("-c:v", "libsvtav1", "-preset", "12"),
    "theora.ogv": ("-c:v", "libtheora", "-q:v", "8"),
    "prores.mov": ("-c:v", "prores_ks", "-profile:v", "0"),
    "ffv1.mkv": ("-c:v", "ffv1"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "wmv2.wmv": ("-c:v", "wmv2"),
    "flv1.flv": ("-c:v", "flv"),
    "gif.gif": ("-c:v", "gif"),
    "raw.nut": ("-c:v", "rawvideo", "-pix_fmt", "yuv420p"),
}
SOUNDS = {".webm": "libopus", ".ogv": "libvorbis", ".gif": None, ".h264": None, ".wmv": "wmav2", ".mpg": "mp2"}


def beep(seconds: float, at_s: float, sample_rate: int = 16_000) -> np.ndarray:
    """Silence with 10 ms of sound: [1, N]."""
    music = np.zeros((1, round(seconds * sample_rate)), np.float32)
    music[0, round(at_s * sample_rate) : round((at_s + 0.01) * sample_rate)] = 0.8
    return music


def said_by_ffmpeg(path: Path) -> str:
    """What FFmpeg's program says of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", f"file:{path}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("codecs")


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("name", CODECS)
def test_the_picture_is_copied_frame_for_frame_or_the_refusal_names_a_container_that_works(
    folder: Path, tmp_path: Path, name: str, ending: str
) -> None:
    path = folder / name
    if not path.exists():
        sound = SOUNDS.get(path.suffix, "aac")
        ramp_film(
            path, 1.2, *CODECS[name], "-g", "12", *(("-ar", "44100") if name.endswith("flv") else ()), sound=sound
        )
    out = tmp_path / f"out{ending}"
    try:
        check_output(path, out)
    except MediaError as refusal:
        assert refusal.reason == "codec" and not out.exists()
        offered = str(refusal).split(" write to ")[1].split(" or ")
        assert offered and ending not in offered
        out = tmp_path / f"out{offered[0]}"
    replace_audio(path, beep(1.2, 0.5), 16_000, out)
    assert picture_hashes(out) == picture_hashes(path) and len(picture_hashes(path)) == 30
    np.testing.assert_array_equal(
        read_frames(out, frame_rate=25, size=16, frames=28), read_frames(path, frame_rate=25, size=16, frames=28)
    )
    np.testing.assert_allclose(click_times(read_audio(out, sample_rate=16_000)[0], 16_000), [0.5], atol=3e-3)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("seconds", [0.3, 5.0])
def test_packets_are_the_same_and_the_sound_has_the_pictures_length(
    make_film: FilmMaker, tmp_path: Path, seconds: float
) -> None:
    path, out = make_film(frames=grey_ramp(36)), tmp_path / "out.mp4"
    replace_audio(path, np.full((1, round(seconds * 32_000)), 0.1, dtype=np.float32), 32_000, out)
    with av.open(str(path)) as before, av.open(str(out)) as after:
        old, new = ([bytes(p) for p in container.demux(video=0) if p.size] for container in (before, after))
        sound = [packet for packet in after.demux(audio=0) if packet.size]
    assert new == old
    with av.open(str(out)) as after:
        sound = [packet for packet in after.demux(audio=0) if packet.size]
        assert float((sound[-1].pts + sound[-1].duration) * sound[-1].time_base) == pytest.approx(1.5, abs=0.05)
    assert (probe(out).audio_codec, probe(out).sample_rate) == ("aac", 32_000)


def test_a_film_without_sound_gets_one(make_film: FilmMaker, tmp_path: Path) -> None:
    replace_audio(make_film(sound_codec=None), SILENCE, 16_000, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").audio_codec == "aac"


def test_rotation_and_variable_frame_times_are_kept(make_film: FilmMaker, tmp_path: Path) -> None:
    path = make_film(frames=grey_ramp(4), ticks=[0, 100, 600, 700], rotation=90)
    for ending in (".mp4", ".mov", ".mkv"):
        out = tmp_path / f"out{ending}"
        replace_audio(path, SILENCE, 16_000, out)
        with av.open(str(path)) as before, av.open(str(out)) as after:
            old, new = list(before.decode(video=0)), list(after.decode(video=0))
        assert [frame.rotation for frame in new] == [frame.rotation for frame in old] == [90] * 4
        assert [frame.time for frame in new] == pytest.approx([0.0, 0.1, 0.6, 0.7], abs=1e-3)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_colour_hdr_and_the_shape_of_pixels_are_kept(tmp_path: Path, ending: str) -> None:
    hdr, out = tmp_path / "hdr.mov", tmp_path / f"out{ending}"
    master = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    colours = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    encoder = ["-c:v", "libx265", "-x265-params", f"log-level=none:pools=1:hdr10=1:{master}", "-tag:v", "hvc1"]
    source = ["-f", "lavfi", "-i", RAMP.format(0.4), "-vf", f"setsar=16/11,format=yuv420p10le,{colours}"]
    ffmpeg(*source, *encoder, hdr)
    replace_audio(hdr, SILENCE, 16_000, out)
    for kept in ("bt2020nc/bt2020/smpte2084", "SAR 16:11"):
        assert kept in said_by_ffmpeg(hdr) and kept in said_by_ffmpeg(out)
    with av.open(str(hdr)) as before, av.open(str(out)) as after:
        light = [{data.type.name: bytes(data) for data in next(c.decode(video=0)).side_data} for c in (before, after)]
    assert light[0] == light[1] and {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= set(light[0])


@pytest.mark.parametrize(
    ("source", "tag", "ending", "becomes"),
    [
        (".mov", "hvc1", ".mov", "hvc1"),
        (".mov", "hvc1", ".mp4", "hvc1"),
        (".mp4", "hev1", ".mp4", "hev1"),
        (".mkv", None, ".mp4", "hvc1"),  # where there was none: the one that QuickTime and phones play
        (".ts", None, ".mov", "hvc1"),
    ],
)
def test_codec_tags_are_kept(tmp_path: Path, source: str, tag: str | None, ending: str, becomes: str) -> None:
    path, out = tmp_path / f"film{source}", tmp_path / f"out{ending}"
    tags = ["-tag:v", tag] if tag else []
    ramp_film(path, 0.4, "-c:v", "libx265", "-x265-params", "log-level=none:pools=1", *tags, sound=None)
    replace_audio(path, SILENCE, 16_000, out)
    assert measure(out).video_tag == becomes


def test_a_quicktime_codec_keeps_its_letters(tmp_path: Path) -> None:
    path, out = tmp_path / "film.mov", tmp_path / "out.mov"
    ramp_film(path, 0.4, "-c:v", "prores_ks", "-profile:v", "0", sound=None)
    replace_audio(path, SILENCE, 16_000, out)
    assert measure(path).video_tag == measure(out).video_tag == "apco"


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Matroska file with chapters, tags, a date, subtitles, a cover and a font."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "sub.srt").write_text("1\n00:00:00,200 --> 00:00:00,900\nhello\n")
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=700\ntitle=first\n"
    (folder / "meta.txt").write_text(f";FFMETADATA1\ntitle=Holiday\ncreation_time=2024-05-01T10:00:00Z\n{chapter}")
    (folder / "font.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", 1, folder / "cover.jpg")
    film = ramp_film(folder / "film.mp4", 1.2, "-c:v", "libx264")
    attached = ["-attach", folder / "cover.jpg", "-metadata:s:3", "mimetype=image/jpeg"]
    attached += ["-attach", folder / "font.ttf", "-metadata:s:4", "mimetype=font/ttf"]
    inputs = ["-i", film, "-i", folder / "sub.srt", "-i", folder / "meta.txt"]
    maps = ["-map", 0, "-map", 1, "-map_metadata", 2, "-map_chapters", 2]
    ffmpeg(*inputs, *maps, *attached, "-c", "copy", "-c:s", "srt", folder / "rich.mkv")
    return folder / "rich.mkv"


@pytest.mark.parametrize(
    ("ending", "subtitles", "left"),
    [
        (".mkv", "subrip", []),
        (".mp4", "mov_text", ["attachment font.ttf"]),
        (".mov", "mov_text", ["cover art cover.jpg", "attachment font.ttf"]),
    ],
)
def test_chapters_tags_dates_subtitles_and_attachments_go_along_or_are_named(
    rich: Path, tmp_path: Path, ending: str, subtitles: str, left: list[str]
) -> None:
    out = tmp_path / f"out{ending}"
    assert replace_audio(rich, SILENCE, 16_000, out) == left
    with av.open(str(out)) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["first"]
        assert container.metadata["title"] == "Holiday"
        assert container.metadata["creation_time"].startswith("2024-05-01T10:00:00")
        assert [stream.codec.canonical_name for stream in container.streams.subtitles] == [subtitles]
    kept = {(track.kind, track.name or track.codec) for track in measure(out).tracks if track.kind != "audio"}
    covers = {".mkv": ("video", "cover.jpg"), ".mp4": ("video", "mjpeg")}
    assert (covers[ending] in kept) if ending in covers else not any(kind == "video" for kind, _ in kept)
    assert (("attachment", "font.ttf") in kept) == (ending == ".mkv")
    assert probe(out).width == 64  # the cover is no picture to play


def edited(path: Path, folder: Path, first_s: float, last_s: float) -> Path:
    """A copy of an mp4 without gaps whose edit list shows a part of its picture only."""
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 12
    assert int.from_bytes(data[place - 4 : place]) == 1
    start = int.from_bytes(data[place + 4 : place + 8])
    scale = 25 * 512
    data[place : place + 4] = round((last_s - first_s) * 1000).to_bytes(4)
    data[place + 4 : place + 8] = (start + round(first_s * scale)).to_bytes(4)
    out = folder / f"edited-{first_s}-{last_s}.mp4"
    out.write_bytes(data)
    return out


@pytest.mark.parametrize(("first_s", "last_s"), [(0.6, 2.0), (0.0, 1.4), (0.6, 1.4)])
def test_what_an_edit_list_hides_stays_hidden(tmp_path: Path, first_s: float, last_s: float) -> None:
    whole = ramp_film(tmp_path / "film.mp4", 2.0, "-c:v", "libx264", "-bf", "2", "-g", "50", sound=None)
    path = edited(whole, tmp_path, first_s, last_s)
    assert measure(path).duration_s == pytest.approx(last_s - first_s, abs=0.01)
    for ending in (".mp4", ".mov"):
        out = tmp_path / f"out{ending}"
        replace_audio(path, SILENCE, 16_000, out)
        assert picture_hashes(out) == picture_hashes(path)
        assert len(picture_hashes(out)) == round((last_s - first_s) * 25)
        assert measure(out).duration_s == pytest.approx(last_s - first_s, abs=0.01)
    with pytest.raises(MediaError, match=r"whose edit list hides frames, as it is: write to \.mp4 or \.mov"):
        replace_audio(path, SILENCE, 16_000, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_a_stream_that_begins_between_key_frames_begins_with_the_first_frame_that_can_be_shown(tmp_path: Path) -> None:
    path, out = tmp_path / "cut.ts", tmp_path / "out.mp4"
    content = ramp_film(tmp_path / "film.ts", 4.0, "-c:v", "libx264", "-g", "25", "-crf", "1").read_bytes()
    path.write_bytes(content[len(content) // 3 // 188 * 188 :])
    replace_audio(path, beep(2.0, 1.0), 16_000, out)
    np.testing.assert_array_equal(
        read_frames(out, frame_rate=25, size=16, frames=40), read_frames(path, frame_rate=25, size=16, frames=40)
    )
    assert click_times(read_audio(out, sample_rate=16_000)[0], 16_000) == pytest.approx([1.0], abs=2e-3)


def test_decode_times_that_step_back_are_repaired(tmp_path: Path) -> None:
    path, out = tmp_path / "film.mkv", tmp_path / "out.mp4"
    source = ramp_film(tmp_path / "source.mp4", 1.2, "-c:v", "libx264", "-bf", "0", "-g", "12", sound=None)
    ffmpeg("-i", source, "-c", "copy", "-bsf:v", "setts=ts=if(eq(N\\,9)\\,TS-3000\\,TS)", path)
    replace_audio(path, SILENCE, 16_000, out)
    assert len(picture_hashes(out)) == 30
    with av.open(str(out)) as container:
        times = [packet.dts for packet in container.demux(video=0) if packet.size]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text.txt/out.mp4", r"text\.txt/out\.mp4 cannot be written: (Not a directory|File exists)"),
        ("o" * 300 + ".mp4", r"has a name of 304 bytes: 255 is the most"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work_and_named(
    make_film: FilmMaker, tmp_path: Path, name: str, message: str
) -> None:
    path = make_film()
    (tmp_path / "text.txt").write_text("no folder")
    for refuse in (check_output, lambda video, out: replace_audio(video, SILENCE, 16_000, out)):
        with pytest.raises(MediaError, match=message) as caught:
            refuse(path, tmp_path / name)
        assert caught.value.reason == "output"


def test_an_output_of_another_kind_is_refused(make_film: FilmMaker, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in one of \.mp4, \.m4v, \.mov, \.mkv, \.webm"):
        check_output(make_film(), tmp_path / "out.gif")


def test_a_disk_that_is_full_is_named_with_the_output_and_leaves_nothing(make_film: FilmMaker) -> None:
    """On a file system of 64 kB, where the machine lets one be made; else by a limit on the size of files."""
    import resource
    import sys

    path = make_film(frames=np.random.default_rng(0).integers(0, 255, (40, 96, 128, 3), np.uint8))
    out = path.with_name("out.mkv")
    script = (
        "import resource, sys, numpy as np\n"
        "from vmas_pipeline.media import MediaError, replace_audio\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "try: replace_audio(sys.argv[1], np.zeros((1, 16_000), np.float32), 16_000, sys.argv[2])\n"
        "except MediaError as error: print(error.reason, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path, out], capture_output=True, text=True, timeout=120)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 40_000
    assert done.stdout.startswith(f"output {out} cannot be written"), done.stderr
    assert [entry for entry in path.parent.iterdir() if entry != path] == []
