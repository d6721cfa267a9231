import hashlib
import io

import numpy as np
import pytest
import webdataset

from vmas_pipeline.features.shards import (
    Sample,
    decode_sample,
    decode_strip,
    encode_strip,
    read_shards,
    write_shard,
)


def sample(clip_id="a" * 16 + "-00005000", frames=5, size=32, tokens=26):
    draw = np.random.default_rng(0)
    smooth = np.linspace(0, 200, size)[None, :, None, None] + np.arange(frames)[:, None, None, None] * 8
    picture = np.broadcast_to(smooth + np.array([0, 20, 40]), (frames, size, size, 3))
    return Sample(
        clip_id=clip_id,
        frames=picture.astype(np.uint8),
        codes=draw.integers(0, 256, (4, tokens)).astype(np.int16),
        beat_weights=draw.choice([0.5, 1.0], tokens).astype(np.float32),
        music_beats=draw.random(tokens) < 0.2,
        video_beats=draw.random(tokens) < 0.2,
        flow=draw.random(frames - 1).astype(np.float32),
        onsets_s=np.array([0.25, 0.4], np.float32),
        peaks_s=np.zeros(0, np.float32),
        curves={"events": draw.random((frames, 4)).astype(np.float32)},
        row={"clip_id": clip_id, "genre": None, "start_s": 5.0, "title": "Ünïcode"},
    )


def assert_same(found, expected):
    for name in ("codes", "beat_weights", "music_beats", "video_beats", "flow", "onsets_s", "peaks_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert list(found.curves) == ["events"]
    np.testing.assert_array_equal(found.curves["events"], expected.curves["events"])
    assert (found.clip_id, found.row) == (expected.clip_id, expected.row)
    assert found.frames.shape == expected.frames.shape
    np.testing.assert_allclose(found.frames.astype(int), expected.frames, atol=4)


def test_a_shard_is_read_back_in_order(tmp_path):
    samples = [sample(f"{n:016x}-00000000") for n in range(5)]
    write_shard(tmp_path / "000000.tar", samples[:3])
    write_shard(tmp_path / "000001.tar", samples[3:])
    found = list(read_shards(tmp_path))
    assert len(found) == 5
    for one, other in zip(found, samples, strict=True):
        assert_same(one, other)


def test_webdatasets_own_reader_reads_the_shard(tmp_path):
    write_shard(tmp_path / "000000.tar", [sample()])
    stored = list(webdataset.WebDataset(str(tmp_path / "000000.tar"), shardshuffle=False))
    assert_same(decode_sample(stored[0]), sample())


def test_equal_samples_give_equal_bytes(tmp_path):
    digests = []
    for name in ("a", "b"):
        write_shard(tmp_path / name / "000000.tar", [sample()])
        digests.append(hashlib.sha256((tmp_path / name / "000000.tar").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_a_failed_write_leaves_nothing(tmp_path):
    def broken():
        yield sample()
        raise RuntimeError("the machine went away")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "000000.tar", broken())
    assert list(tmp_path.iterdir()) == []


def test_a_film_strip_keeps_saturated_colours_apart():
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    frames[0, :, ::2, 0] = 255  # red and blue stripes of one pixel: chroma subsampling would mix them
    frames[0, :, 1::2, 2] = 255
    frames[1] = (10, 200, 30)
    found = decode_strip(encode_strip(frames), 2).astype(int)
    assert np.abs(found - frames).mean() < 4


def test_a_strip_beyond_jpegs_height_is_refused():
    with pytest.raises(ValueError, match=r"300 frames of 224 rows exceeds JPEG's 65500 rows: lower clip.frame_size"):
        encode_strip(np.zeros((300, 224, 1, 3), np.uint8))


def test_a_folder_without_shards_names_the_pipeline_to_run(tmp_path):
    with pytest.raises(ValueError, match="run `kedro run --pipelines=features` first"):
        next(read_shards(tmp_path))


def test_the_npz_is_readable_by_numpy_alone():
    from vmas_pipeline.features.shards import encode_sample

    with np.load(io.BytesIO(encode_sample(sample())["npz"])) as arrays:
        assert arrays["codes"].shape == (4, 26)
