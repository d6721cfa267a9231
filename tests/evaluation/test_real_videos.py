import json

import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.evaluation.config import RealVideosConfig
from vmas_pipeline.evaluation.real_videos import evaluate_real_videos
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.generator import Music
from vmas_pipeline.media import probe, read_frames, write_video

from ..tiny_model import CLIP


class Striker:
    """Strikes at every peak of the flow: as good as music can follow."""

    name, revision, clip, sample_rate = "striker", "1", None, 16_000

    def generate(self, video, seed=0, seconds=None):
        frames = read_frames(video, frame_rate=9.6, size=64, start_s=0.0, frames=48)
        times = np.arange(round(seconds * self.sample_rate)) / self.sample_rate
        waveform = np.zeros(len(times), np.float32)
        for peak in flow_peaks(mean_flow(frames), 9.6):
            after = np.maximum(times - peak, 0)
            waveform += (times >= peak) * np.sin(2 * np.pi * 700 * after) * np.exp(-30 * after)
        return Music(waveform=0.5 * waveform[None].astype(np.float32), sample_rate=self.sample_rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four videos whose square jumps at moments of their own, one short, one text."""
    root = tmp_path_factory.mktemp("real")
    for number in range(5):
        draw = np.random.default_rng(number)
        seconds = 1 if number == 4 else 5
        frames = np.full((seconds * 24, 48, 64, 3), 60, np.uint8)
        left = 4
        for index in range(len(frames)):
            if draw.random() < 0.05:
                left = int(draw.integers(0, 48))
            frames[index, 10:26, left : left + 16] = 230
        write_video(root / f"{number}.mp4", frames, 24.0, None, 16_000)
    (root / "notes.txt").write_text("no video")
    return root


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    metrics = evaluate_real_videos(RealVideosConfig(folder=str(folder), seconds=5), CLIP, Striker(), out)
    return metrics, out


def test_music_that_strikes_at_the_peaks_stands_far_above_blind_play(measured):
    result = measured[0]["results"]["mv_align"]
    assert result["value"] > 0.7 > result["chance"] > 0
    assert set(result["levels"]) == {"shuffled", "random", "metronome"}
    assert measured[0]["results"]["onsets_per_peak"]["value"] == pytest.approx(1, abs=0.4)


def test_what_cannot_be_used_is_listed_with_its_reason(measured):
    skipped = json.loads((measured[1] / "skipped.json").read_text())
    assert sorted(name.rsplit("/", 1)[1] for name in skipped) == ["4.mp4", "notes.txt"]
    assert "a clip takes 5 s" in next(reason for name, reason in skipped.items() if name.endswith("4.mp4"))


def test_every_clip_is_a_row_and_every_video_can_be_watched(measured):
    clips = pd.read_parquet(measured[1] / "clips.parquet")
    assert len(clips) == measured[0]["clips"] == 4
    assert clips["mv_align"].mean() == pytest.approx(measured[0]["mv_align"]["generated"])
    for path in clips["source_path"]:
        name = path.rsplit("/", 1)[1].removesuffix(".mp4")
        assert probe(measured[1] / "videos" / f"{name}.mkv").audio_codec


def test_a_folder_that_is_not_there_is_named(tmp_path):
    config = RealVideosConfig(folder=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"real_videos\.folder is .*nowhere: no such folder"):
        evaluate_real_videos(config, CLIP, Striker(), tmp_path)
