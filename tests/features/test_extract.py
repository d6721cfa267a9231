"""From two real videos to shards, in this process and on Ray."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.features.extract import extract_features
from vmas_pipeline.features.shards import read_shards
from vmas_pipeline.media import ClipSpec, write_video
from vmas_pipeline.sample_data.synthesis import synthesise

CLIP = ClipSpec(duration_s=2.0, frame_rate=9.6, frame_size=32, sample_rate=16000)
CONFIG = FeaturesConfig(shard_size=2, backend="inline")


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec")
    torch.manual_seed(0)
    network = SinusoidalCodec(SinusoidalCodecConfig(width=16, code_width=8, card=32, blocks=1))
    network.initialise_codebooks(0.1 * torch.randn(2, 1, 16000))
    network.save(folder)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for seed in (1, 2):
        film = synthesise(11 * seed + 1, duration_s=4.0)  # both have events throughout
        write_video(folder / f"{seed}.mp4", film.frames, 24.0, film.waveform[None], 16000)
    return folder


@pytest.fixture
def manifest(films):
    rows = [
        {
            "clip_id": f"{seed:016x}-{1000 * start:08d}",
            "source_id": f"{seed:016x}",
            "source_path": str(films / f"{seed}.mp4"),
            "audio_path": str(films / f"{seed}.mp4"),
            "start_s": float(start),
            "duration_s": 2.0,
            "split": "train" if seed == 1 or start == 0 else "test",
            "licence": "CC0",
            "genre": None,
        }
        for seed in (1, 2)
        for start in (0, 2)
    ]
    return pd.DataFrame(rows)


def test_shards_index_and_curves_agree(manifest, codec, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    assert sorted(path.name for path in (out / "train").iterdir()) == ["000000.tar", "000001.tar", "index.parquet"]
    index = pd.read_parquet(out / "train" / "index.parquet")
    samples = list(read_shards(out / "train"))
    assert index["clip_id"].tolist() == [s.clip_id for s in samples] == manifest["clip_id"].tolist()[:3]
    assert index[["shard", "position"]].values.tolist() == [["000000.tar", 0], ["000000.tar", 1], ["000001.tar", 0]]
    curves = pd.read_parquet(out / "curves.parquet").set_index("clip_id")
    assert len(curves) == 4
    np.testing.assert_allclose(curves.loc[samples[0].clip_id, "flow"], samples[0].flow)
    assert pd.read_parquet(out / "failed.parquet").empty


def test_a_sample_holds_what_the_model_needs(manifest, codec, films, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    sample = next(iter(read_shards(out / "test")))
    assert sample.frames.shape == (19, 32, 32, 3)
    assert sample.codes.shape == (4, 100)
    assert sample.beat_weights.shape == sample.music_beats.shape == sample.video_beats.shape == (100,)
    assert sample.flow.shape == (18,)
    assert sample.row["source_path"] == str(films / "2.mp4")
    assert sample.row["genre"] is None
    assert sample.video_beats.any()


def test_onsets_and_flow_peaks_find_the_events_of_the_film(manifest, codec, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    film, first = synthesise(12, duration_s=4.0), next(iter(read_shards(out / "train")))
    heard = film.audio_events_s[film.audio_events_s < 1.9]
    seen = film.video_events_s[film.video_events_s < 1.9]
    np.testing.assert_allclose(first.onsets_s, heard, atol=0.04)
    assert all(np.abs(first.peaks_s - time).min() < 0.11 for time in seen)


def test_a_clip_that_cannot_be_read_is_recorded_and_the_rest_goes_on(manifest, codec, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is no film")
    manifest.loc[1, ["source_path", "audio_path"]] = str(broken)
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    failed = pd.read_parquet(out / "failed.parquet")
    assert failed["clip_id"].tolist() == [manifest.loc[1, "clip_id"]]
    assert failed["reason"].tolist() == ["unreadable"]
    assert "broken.mp4" in failed["detail"][0]
    assert len(list(read_shards(out / "train"))) == 2


def test_added_clips_make_shards_of_their_own_and_training_keeps_its_order(manifest, codec, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest[1:], codec, tmp_path / "grown")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    extract_features(CONFIG, CLIP, manifest, codec, out)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    whole = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "at once")
    grown, once = (pd.read_parquet(folder / "train" / "index.parquet") for folder in (out, whole))
    assert grown["shard"].tolist() == ["000001.tar", "000000.tar", "000000.tar"]
    assert grown["clip_id"].tolist() == once["clip_id"].tolist()
    assert pd.read_parquet(out / "curves.parquet").equals(pd.read_parquet(whole / "curves.parquet"))


def test_a_second_run_makes_only_what_is_missing_or_changed(manifest, codec, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    shards = sorted(out.glob("*/*.tar"))
    shards[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in shards[1:]}
    extract_features(CONFIG, CLIP, manifest, codec, out)
    assert shards[0].is_file()
    assert {path: path.stat().st_mtime_ns for path in shards[1:]} == before
    extract_features(FeaturesConfig(**{**asdict(CONFIG), "alpha": 0.2}), CLIP, manifest, codec, out)
    assert not any(path.stat().st_mtime_ns == time for path, time in before.items())
    assert min(sample.beat_weights.min() for sample in read_shards(out / "train")) == np.float32(0.2)


def test_shards_of_an_earlier_longer_manifest_are_removed(manifest, codec, tmp_path):
    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    extract_features(CONFIG, CLIP, manifest[manifest["split"] == "test"], codec, out)
    assert [path.parent.name for path in out.glob("*/*.tar")] == ["test"]


def test_ray_and_inline_give_the_same_bytes(manifest, codec, tmp_path):
    inline = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "inline")
    ray = extract_features(
        FeaturesConfig(shard_size=2, backend="ray", workers=1), CLIP, manifest, codec, tmp_path / "r"
    )
    for path in inline.glob("*/*.tar"):
        assert path.read_bytes() == (ray / path.relative_to(inline)).read_bytes()


def test_codes_are_the_codecs(manifest, codec, films, tmp_path):
    from vmas_pipeline.media import read_audio

    out = extract_features(CONFIG, CLIP, manifest, codec, tmp_path / "features")
    sample = next(iter(read_shards(out / "test")))
    wave = read_audio(films / "2.mp4", sample_rate=16000, start_s=2.0, duration_s=2.0)
    expected = load_codec(codec).encode(torch.from_numpy(wave)[None])[0]
    np.testing.assert_array_equal(sample.codes, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate": 32000}, "works at 16000 Hz, the clips at 32000"),
        ({"frame_size": 4000}, "exceeds JPEG's 65500 rows"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(change, message, manifest, codec, tmp_path):
    with pytest.raises(ValueError, match=message):
        extract_features(CONFIG, ClipSpec(**{**asdict(CLIP), **change}), manifest, codec, tmp_path)


def test_no_clips_and_only_broken_clips_are_errors(manifest, codec, tmp_path):
    with pytest.raises(ValueError, match="the manifest has no clips"):
        extract_features(CONFIG, CLIP, manifest.iloc[:0], codec, tmp_path)
    manifest[["source_path", "audio_path"]] = "/nowhere.mp4"
    with pytest.raises(ValueError, match="not one of 4 clips could be read"):
        extract_features(CONFIG, CLIP, manifest, codec, tmp_path)
