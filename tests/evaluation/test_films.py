import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.audio.pitch import Tuning
from vmas_pipeline.evaluation.config import FilmsConfig
from vmas_pipeline.evaluation.films import Piece, evaluate_films, film_results
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.generator import Music
from vmas_pipeline.media import probe, read_frames, write_video

from ..tiny_model import CLIP
from .test_report import Links


class Striker:
    """Strikes an A at every peak of the flow: as good as music can follow. Counts the films that it has seen."""

    name, revision, clip, sample_rate = "striker", "1", None, 16_000

    def __init__(self):
        self.seen = []

    def about(self):
        return {}

    def generate(self, video, seed=0, seconds=None):
        self.seen.append((video.name, seed))
        frames = read_frames(video, frame_rate=9.6, size=64, start_s=0.0, frames=48)
        times = np.arange(round(seconds * self.sample_rate)) / self.sample_rate
        waveform = np.zeros(len(times), np.float32)
        for peak in flow_peaks(mean_flow(frames), 9.6):
            after = np.maximum(times - peak, 0)
            waveform += (times >= peak) * np.sin(2 * np.pi * 880 * after) * np.exp(-30 * after)
        return Music(waveform=0.3 * waveform[None].astype(np.float32), sample_rate=self.sample_rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four films whose square jumps at moments of their own, two of one name; one short, one text, one copied."""
    root = tmp_path_factory.mktemp("films")
    for number, name in enumerate(("a/film.mp4", "b/film.mp4", "c.mp4", "d.mp4", "short.mp4")):
        draw = np.random.default_rng(number)
        seconds = 1 if name == "short.mp4" else 5
        frames = np.full((seconds * 24, 48, 64, 3), 60, np.uint8)
        left = 4
        for index in range(len(frames)):
            if draw.random() < 0.05:
                left = int(draw.integers(0, 48))
            frames[index, 10:26, left : left + 16] = 230
        (root / name).parent.mkdir(exist_ok=True)
        write_video(root / name, frames, 24.0, None, 16_000)
    shutil.copy(root / "d.mp4", root / "d copy.mp4")
    (root / "notes.txt").write_text("no video")
    return root


@pytest.fixture(scope="module")
def config(folder):
    return FilmsConfig(folder=str(folder), seconds=5, seeds=(0, 7), report_films=3, watch=True)


@pytest.fixture(scope="module")
def measured(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return evaluate_films(config, CLIP, Striker(), out), out


def piece(name, onsets, peaks, seed=0):
    tuned = Tuning(in_tune=1.0, in_key=1.0, in_key_chance=0.9)
    times = {"onsets_s": np.array(onsets), "peaks_s": np.array(peaks)}
    return Piece(path=None, source=name, seed=seed, start_s=0.0, flow=np.zeros(47), tuning=tuned, **times)


def test_every_level_has_the_value_that_its_definition_gives():
    times = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    found = {r.name: r for r in film_results([piece(name, at, at) for name, at in times.items()], CLIP)}
    align = found["mv_align"]
    assert (align.value, align.ceiling, align.levels["oracle"], align.levels["shuffled"]) == (1, 1, 1, 0)
    assert align.chance == max(align.levels[name] for name in ("metronome", "random", "shifted", "shuffled"))
    assert found["mv_align_over_metronome"].value == pytest.approx(1 - align.levels["metronome"])
    assert found["mv_align_over_shuffled"].interval == (1, 1)
    assert found["onset_density"].value == found["onset_density_fits"].value == 1
    assert (found["in_tune"].value, found["in_key"].chance) == (1, 0.9)


def test_the_oracle_has_nothing_to_play_where_nothing_moves():
    pieces = [piece("a", [1.0], [1.0]), piece("b", [1.0], [])]
    found = {r.name: r for r in film_results(pieces, CLIP)}
    assert found["mv_align"].ceiling == found["mv_align"].value == 0.5


def test_music_that_strikes_at_the_peaks_stands_far_above_blind_play(measured):
    results = measured[0]["results"]
    align, lead = results["mv_align"], results["mv_align_over_metronome"]
    assert align["value"] > 0.7 > align["chance"] > 0
    assert set(align["levels"]) == {"shuffled", "shifted", "random", "metronome", "oracle"}
    assert lead["value"] == pytest.approx(align["value"] - align["levels"]["metronome"])
    assert lead["interval"][0] > 0
    assert results["onset_density"]["value"] == pytest.approx(1, abs=0.4)
    assert results["in_tune"]["value"] > 0.9


def test_each_seed_has_its_values(measured):
    assert set(measured[0]["by_seed"]) == {"0", "7"}
    own = [values["mv_align"] for values in measured[0]["by_seed"].values()]
    assert np.mean(own) == pytest.approx(measured[0]["results"]["mv_align"]["value"])


def test_what_cannot_be_used_is_listed_with_its_reason(measured):
    skipped = json.loads((measured[1] / "skipped.json").read_text())
    assert sorted(name.rsplit("/", 1)[1] for name in skipped) == ["notes.txt", "short.mp4"]
    assert "a clip takes 5 s" in next(reason for name, reason in skipped.items() if name.endswith("short.mp4"))


def test_every_clip_and_seed_is_a_row_and_copies_are_one_film(measured):
    clips = pd.read_parquet(measured[1] / "clips.parquet")
    assert (measured[0]["films"], measured[0]["clips"], len(clips)) == (4, 5, 10)
    assert clips["mv_align"].mean() == pytest.approx(measured[0]["mv_align"]["generated"])
    assert sorted(clips.groupby("source")["source_path"].nunique()) == [1, 1, 1, 2]


def test_films_of_one_name_are_written_apart(measured):
    videos = measured[1] / "videos"
    for name in ("a/film.mp4.mkv", "b/film.mp4.mkv", "c.mp4.mkv"):
        assert probe(videos / name).audio_codec


def test_the_report_plays_films_in_a_format_that_browsers_play(measured):
    out = measured[1]
    parser, text = Links(), (out / "report.html").read_text()
    parser.feed(text)
    assert parser.open == []
    films = [link for link in parser.links if link.endswith(".mp4")]
    assert len(films) == 3 and all((out / link).is_file() for link in parser.links)
    for link in films:
        info = probe(out / link)
        assert (info.video_codec, info.audio_codec) == ("h264", "aac")
        assert info.duration_s == pytest.approx(5, abs=0.1)
    assert "above the best metronome" in text and "Seed 7" in text
    assert "a clip takes 5 s" in text and "http" not in text
    assert len(list((out / "media").iterdir())) == 9


def test_a_run_that_was_ended_goes_on_without_making_music_again(config, measured, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(measured[1], out)
    record = json.loads((out / "music" / "seed-7" / "record.json").read_text())
    lost = next(iter(record["compute_s"]))
    (out / "music" / "seed-7" / f"{lost}.flac").unlink()
    system = Striker()
    again = evaluate_films(config, CLIP, system, out)
    assert [seed for _, seed in system.seen] == [7]
    assert again == measured[0]


def test_music_of_another_model_is_made_again(config, measured, tmp_path):
    shutil.copytree(measured[1], tmp_path / "out")
    system = Striker()
    system.revision = "2"
    evaluate_films(dataclasses.replace(config, seeds=(0,), watch=False, report_films=0), CLIP, system, tmp_path / "out")
    assert len(system.seen) == 4  # the copy is the same film
    assert not list((tmp_path / "out" / "media").iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    config = FilmsConfig(folder=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"films\.folder is .*nowhere: no such folder"):
        evaluate_films(config, CLIP, Striker(), tmp_path)


def test_one_film_alone_cannot_be_compared(folder, tmp_path):
    config = FilmsConfig(folder=str(folder / "a"), seconds=5)
    with pytest.raises(ValueError, match="holds fewer than two films of 5 s or more"):
        evaluate_films(config, CLIP, Striker(), tmp_path)
