import hashlib
import re
import subprocess

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vmas_pipeline.media import probe, read_audio
from vmas_pipeline.study.config import StudyConfig
from vmas_pipeline.study.create import find_system
from vmas_pipeline.study.excerpts import PEAK, matched
from vmas_pipeline.study.items import draw_items
from vmas_pipeline.study.store import Store

from .conftest import CONFIG


def loudness(path):
    """LUFS by FFmpeg's own meter."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostats", "-i", path, "-af", "ebur128", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1])


def picture(path):
    with av.open(str(path)) as container:
        data = b"".join(bytes(packet) for packet in container.demux(video=0))
    return hashlib.sha256(data).hexdigest()


def pitch(path):
    """The strongest frequency in Hz."""
    waveform = read_audio(path, sample_rate=16_000, duration_s=1.0)[0]
    return int(np.abs(np.fft.rfft(waveform, 16_000)).argmax())


def test_a_pair_has_one_picture_each_systems_music_and_one_loudness(made_once, clips):
    store = Store(made_once)
    places = dict(zip(clips["clip_id"], range(len(clips)), strict=True))
    for item in store.items.values():
        files = [made_once / "media" / f"{name}.mp4" for name in (item.first_media, item.second_media)]
        assert picture(files[0]) == picture(files[1])
        assert [probe(file).duration_s for file in files] == pytest.approx([1.0, 1.0], abs=0.1)
        assert [loudness(file) for file in files] == pytest.approx([-23.0, -23.0], abs=0.5)
        if item.is_check:
            assert item.systems == ("true music", "noise") and pitch(files[0]) == 220
        else:
            tones = [440 + 40 * places[item.clip_id], 330 + 40 * places[item.clip_id]]
            assert [pitch(file) for file in files] == pytest.approx(tones, abs=2)


def test_every_video_is_of_another_film_and_checks_are_of_none_of_the_pairs(made_once):
    items = list(Store(made_once).items.values())
    assert [sum(item.is_check for item in items), len(items)] == [2, 5]
    assert len({item.film for item in items}) == 5


def test_files_tell_nothing_about_their_music(made_once, clips):
    names = [path.name for path in (made_once / "media").iterdir()]
    assert all(re.fullmatch(r"[0-9a-f]{16}\.mp4|tones-\d\.flac", name) for name in names)
    for path in (made_once / "media").glob("*.mp4"):
        content = path.read_bytes()
        assert not any(word.encode() in content for word in ("ours", "theirs", "noise", *clips["clip_id"]))


def test_an_interrupted_creation_goes_on_where_it_was(make, tmp_path):
    folder = tmp_path / "study"
    names = {item.first_media for item in make(folder).items.values()}
    first, *others = sorted((folder / "media").glob("*.mp4"))
    before = {path: path.stat().st_mtime_ns for path in others if path.stem in names}
    first.unlink()
    make(folder)
    assert first.is_file()
    untouched = [path for path, at in before.items() if path.stat().st_mtime_ns == at]
    assert len(untouched) >= len(before) - 1


def test_a_study_is_not_overwritten_by_another(made_once, make):
    with pytest.raises(ValueError, match="holds a study of other systems or settings: give another NAME, or delete it"):
        make(made_once, StudyConfig(pairs=3, per_rater=2, checks=1, seed=1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (StudyConfig(pairs=4, per_rater=2, checks=1), "have music for 5 clips, but 4 pairs and 2 clips of attention"),
        (
            StudyConfig(pairs=2, per_rater=3, checks=1),
            r"\(3\) exceeds --pairs \(2\): nobody sees one twice",
        ),
    ],
)
def test_too_little_material_is_refused(make, tmp_path, config, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "study", config)
    assert not (tmp_path / "study" / "study.db").exists()


def test_one_system_is_no_comparison(make, tmp_path):
    with pytest.raises(ValueError, match=r"--systems \(ours\) must name two or more"):
        make(tmp_path / "study", systems=("ours",))


def test_systems_are_found_by_name_variant_and_folder(music, tmp_path):
    data = tmp_path / "data"
    for place in (
        "05_generated/ours",
        "08_experiments/comparison/track-0/generated",
        "08_experiments/sweep/track-1/generated",
    ):
        (data / place).parent.mkdir(parents=True, exist_ok=True)
        (data / place).symlink_to(music / "ours")
    assert find_system("ours", data).folder == data / "05_generated" / "ours"
    assert find_system("track-1", data).name == "track-1"
    assert find_system(str(music / "theirs"), data).name == "theirs"
    with pytest.raises(ValueError, match="track could be .*track-0/generated or .*track-1/generated: give that folder"):
        find_system("track", data)
    with pytest.raises(ValueError, match="no music by absent: give a folder"):
        find_system("absent", data)


def test_pairs_of_every_two_systems_share_their_videos(clips):
    rows = clips.to_dict("records")
    config = StudyConfig(pairs=3, per_rater=2, checks=1, every_two=True)
    items = [item for item in draw_items(config, ["a", "b", "c"], rows, "salt") if not item.is_check]
    assert {item.systems for item in items} == {("a", "b"), ("a", "c"), ("b", "c")} and len(items) == 9
    assert len({item.clip_id for item in items}) == 3
    media = {name for item in items for name in (item.first_media, item.second_media)}
    assert len(media) == 9  # one file for each clip and system
    assert draw_items(CONFIG, ["a", "b"], rows, "x")[0].clip_id == draw_items(CONFIG, ["a", "b"], rows, "y")[0].clip_id


def test_a_peak_too_high_lowers_both_sides_alike():
    time = np.arange(48_000) / 48_000
    click, tone = np.zeros(48_000), 0.1 * np.sin(2 * np.pi * 440 * time)
    click[::12_000] = 1.0
    made = matched({"click": click, "tone": tone, "silent": 0 * tone}, 48_000, -23.0)
    assert np.abs(made["click"]).max() == pytest.approx(PEAK) and not made["silent"].any()
    assert made["tone"].max() < matched({"tone": tone}, 48_000, -23.0)["tone"].max()
