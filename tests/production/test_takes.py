import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vmas_pipeline.features.curves import curve_counts
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import MediaError, probe, read_audio, read_tags, write_video
from vmas_pipeline.model.config import with_overrides
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.production import Options, Production, produce
from vmas_pipeline.production.record import read_record

from ..media.conftest import ffmpeg
from ..tiny_model import CLIP, film, tiny_generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "film.mp4", 1.5)


@pytest.fixture(scope="module")
def three(generator: Generator, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """Three takes, as generated."""
    folder = tmp_path_factory.mktemp("takes") / "film"
    return produce(video, folder, generator, Options(seed=5, candidates=3, lufs=None), model_name="models:/vmas/1")


def test_each_take_is_the_piece_that_its_seed_alone_makes(three: Production, generator: Generator, video: Path) -> None:
    assert sorted(take.seed for take in three.takes) == [5, 6, 7]
    for take in three.takes:
        music, rate = soundfile.read(take.files["music"], dtype="float32")
        expected = generator.generate(video, seed=take.seed)
        assert rate == expected.sample_rate
        np.testing.assert_allclose(music, expected.waveform[0], atol=2 / 32768)


def test_the_folder_holds_every_take_with_its_record_inside_the_file_too(three: Production) -> None:
    names = {f"take-{i}.{kind}" for i in (1, 2, 3) for kind in ("mp4", "wav", "json", "npz")}
    assert {path.name for path in three.folder.iterdir()} == names | {"production.json"}
    for take in three.takes:
        record = json.loads(take.files["record"].read_text())
        assert record == take.record == read_record(take.files["video"]) == read_record(take.files["music"])
        assert (record["seed"], record["model"]["name"]) == (take.seed, "models:/vmas/1")
        assert set(record["scores"]) == {"alignment", "alignment_random", "contrastive", "onsets_per_s"}
        assert record["options"]["lufs"] is None and record["sampling"]["top_k"] == 20
    told = json.loads((three.folder / "production.json").read_text())
    assert told["takes"] == [take.record for take in three.takes]
    assert len(told["onsets_s"]) == 3
    assert all(0 <= moment < 1.5 for moments in (told["peaks_s"], *told["onsets_s"]) for moment in moments)


@pytest.mark.parametrize("container", ["mov", "mkv", "webm", "wav", "flac"])
def test_every_kind_of_file_has_the_exact_length_and_the_record(
    generator: Generator, video: Path, tmp_path: Path, container: str
) -> None:
    source = video
    if container == "webm":
        source = tmp_path / "film.webm"
        ffmpeg("-i", video, "-c:v", "libvpx", "-an", source)
    options = Options(container=container, lufs=-20, sample_rate=48_000, channels=2)  # type: ignore[arg-type]
    take = produce(source, tmp_path / "out", generator, options).takes[0]
    assert read_record(take.main) == take.record
    if container in ("wav", "flac"):
        sound, rate = soundfile.read(take.main)
        assert (rate, sound.shape) == (48_000, (72_000, 2))
    else:
        assert probe(take.main).duration_s == pytest.approx(1.5, abs=0.05)
        heard = read_audio(take.main, sample_rate=48_000, channels=2)
        assert heard.shape[1] == pytest.approx(72_000, abs=2048)  # a block of the lossy codec


def test_the_record_leaves_the_videos_own_tags_alone(generator: Generator, video: Path, tmp_path: Path) -> None:
    ffmpeg("-i", video, "-c", "copy", "-metadata", "comment=mine", "-metadata", "title=Ours", tmp_path / "film.mp4")
    take = produce(tmp_path / "film.mp4", tmp_path / "out", generator, Options()).takes[0]
    tags = read_tags(take.main)
    assert (tags["comment"], tags["title"]) == ("mine", "Ours")
    assert read_record(take.main) == take.record
    assert read_record(video) is None


@pytest.mark.parametrize("stage", ["watch", "compose", "write"])
def test_an_exception_from_progress_stops_the_work_and_leaves_nothing(
    generator: Generator, video: Path, tmp_path: Path, stage: str
) -> None:
    class Stop(Exception):
        pass

    seen: list[str] = []

    def progress(now: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        seen.append(now)
        if now == stage and done == total:
            raise Stop

    with pytest.raises(Stop):
        produce(video, tmp_path / "out", generator, Options(candidates=2), progress=progress)
    assert list(tmp_path.iterdir()) == [] and seen[-1] == stage


def test_music_begins_and_ends_where_it_shall(generator: Generator, video: Path, tmp_path: Path) -> None:
    options = Options(start_s=0.5, end_s=1.25, lufs=None, container="wav")
    take = produce(video, tmp_path / "out", generator, options).takes[0]
    music, _ = soundfile.read(take.files["music"])
    assert len(music) == 24_000 and np.abs(music[8_000:20_000]).max() > 0.001
    assert not music[:8_000].any() and not music[20_000:].any()
    assert take.record["music_s"] == [0.5, 1.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_s": 9}, r"start_s \(9\) is not before the end of .*film.mp4, 1.50 s"),
        ({"hit_points": [9]}, r"hit_points \(9\) is not before the end of"),
        (
            {"hit_points": [1]},
            r"hit points need a model that was trained with curves .*this one was not: leave them out",
        ),
        ({"redo": [[0, 1]]}, "redo needs the music whose sections are to be made anew: give it, too"),
        ({"container": "webm"}, r"\.webm cannot carry the h264 picture of .*: write to \.mp4 or \.mov or \.mkv"),
        ({"curve_guidance": 2}, "curve_guidance: this model was trained without curves"),
    ],
)
def test_what_a_video_or_a_model_does_not_allow_is_named_and_nothing_is_written(
    generator: Generator, video: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        produce(video, tmp_path / "out", generator, Options.of(options))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_is_not_replaced(generator: Generator, video: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds files that are no production: name a new folder"):
        produce(video, tmp_path, generator)
    assert (tmp_path / "thesis.txt").is_file()


def test_cuts_become_hit_points(video: Path, tmp_path: Path) -> None:
    tiny = tiny_generator()
    model = VMAs(with_overrides(tiny.model.config, {"curves": curve_counts(["peaks"])}), tiny.codec.code_vectors)
    frames = np.full((40, 32, 48, 3), 30, np.uint8)
    frames[20:, :, :24] = (220, 60, 200)
    write_video(tmp_path / "cut.mp4", frames, 20, None, 16_000)
    generator = Generator(model, tiny.codec, CLIP, tiny.sampling)
    take = produce(tmp_path / "cut.mp4", tmp_path / "out", generator, Options(hit_points=(0.5,), hit_cuts=True)).takes[
        0
    ]
    assert take.record["hits_s"] == [0.5, pytest.approx(1.0, abs=0.05)]
    assert set(take.scores) >= {"hits"}


def test_given_tokens_stay_and_the_section_to_redo_does_not(
    three: Production, generator: Generator, video: Path, tmp_path: Path
) -> None:
    options = Options(seed=9, redo=((0.5, 0.9),), container="wav", lufs=None)
    first = three.takes[0]
    again = produce(video, tmp_path / "out", generator, options, music=first.files["tokens"]).takes[0]
    before, after = (np.load(take.files["tokens"])["codes"] for take in (first, again))
    assert np.array_equal(after[:, :25], before[:, :25]) and np.array_equal(after[:, 45:], before[:, 45:])
    assert (after[:, 25:45] != before[:, 25:45]).mean() > 0.5
    assert again.record["given_music"]


def test_a_sound_is_continued_and_preceded(generator: Generator, video: Path, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 16_000)
    soundfile.write(tmp_path / "tone.wav", tone, 16_000)
    options = Options(music_at_s=0.5, container="wav", lufs=None)
    take = produce(video, tmp_path / "out", generator, options, music=tmp_path / "tone.wav").takes[0]
    codes, rate = np.load(take.files["tokens"])["codes"], 50
    expected = generator.codec.encode(_tensor(tone))[0].numpy()
    assert np.array_equal(codes[:, rate // 2 : rate], expected)
    assert codes.shape == (4, 75) and (codes >= 0).all()


def test_given_music_that_fills_all_is_refused(
    three: Production, generator: Generator, video: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"take-1.npz fills all of the video: name sections to make anew \(redo\)"):
        produce(video, tmp_path / "out", generator, music=three.takes[0].files["tokens"])
    with pytest.raises(MediaError, match="cannot be read"):
        produce(video, tmp_path / "out", generator, music=tmp_path / "absent.wav")
    stranger = replace(three.takes[0]).files["tokens"]
    other = tmp_path / "other.npz"
    np.savez(other, codes=np.load(stranger)["codes"], codec="another")
    with pytest.raises(ValueError, match="other.npz holds tokens of another codec"):
        produce(video, tmp_path / "out", generator, music=other)


def _tensor(waveform: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(waveform.astype(np.float32))[None, None]
