import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from vmas_pipeline.features.shards import read_index
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.generate import draw_clips, generate_clips
from vmas_pipeline.systems.generated import Record, read_clip, read_embeddings

from ..tiny_model import CLIP
from ..world import GENERATION


def test_every_clip_is_a_flac_file_that_the_record_names(world):
    record = Record.read(world.generated)
    assert sorted(record.compute_s) == sorted(path.stem for path in world.generated.glob("*.flac"))
    assert (record.system, record.seed, len(record.compute_s)) == ("vmas", 0, 6)
    assert all(seconds > 0 for seconds in record.compute_s.values())
    waveform, rate = soundfile.read(next(world.generated.glob("*.flac")))
    assert (waveform.shape, rate) == ((80_000,), 16_000)


def test_a_clip_has_the_same_music_whatever_the_batch(world, tmp_path):
    system = load_system("vmas", world.model)
    alone = generate_clips(dataclasses.replace(GENERATION, batch=1), CLIP, system, world.features, tmp_path / "vmas")
    for name in Record.read(alone).compute_s:
        np.testing.assert_allclose(read_clip(alone, name), read_clip(world.generated, name), atol=2**-14)  # rounding


def test_a_folder_is_completed_and_not_made_again(world, tmp_path):
    out = shutil.copytree(world.generated, tmp_path / "vmas")
    lost, *kept = sorted(out.glob("*.flac"))
    times = {path: path.stat().st_mtime_ns for path in kept}
    lost.unlink()
    generate_clips(GENERATION, CLIP, load_system("vmas", world.model), world.features, out)
    assert lost.is_file()
    assert {path: path.stat().st_mtime_ns for path in kept} == times


def test_another_seed_is_made_anew(world, tmp_path):
    out = shutil.copytree(world.generated, tmp_path / "vmas")
    other = dataclasses.replace(GENERATION, seed=1)
    generate_clips(other, CLIP, load_system("vmas", world.model), world.features, out)
    record = Record.read(out)
    assert record.seed == 1
    name = next(iter(record.compute_s))
    assert not np.array_equal(read_clip(out, name), read_clip(world.generated, name))


def test_someone_elses_files_are_left_alone(world, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"holds files and no record\.json: they are not ours to replace"):
        generate_clips(GENERATION, CLIP, load_system("vmas", world.model), world.features, tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


def test_a_model_of_other_clips_is_refused(world, tmp_path):
    other = dataclasses.replace(CLIP, frame_rate=4.8)
    with pytest.raises(ValueError, match=r"was made for ClipSpec\(.*frame_rate=9\.6.*train it again"):
        generate_clips(GENERATION, other, load_system("vmas", world.model), world.features, tmp_path)


def test_embeddings_are_found_by_clip_id(world):
    names = sorted(Record.read(world.generated).compute_s)
    video, music = read_embeddings(world.generated, names)
    backwards, _ = read_embeddings(world.generated, names[::-1])
    np.testing.assert_array_equal(video[::-1], backwards)
    assert video.shape == music.shape == (6, 64)
    assert read_embeddings(world.reconstructed, names) is None


def test_the_codec_is_heard_on_training_clips_too(world):
    names = {*read_index(world.features / "test")["clip_id"], *read_index(world.features / "train")["clip_id"]}
    assert set(Record.read(world.reconstructed).compute_s) == names


def test_the_same_clips_are_drawn_whatever_else_the_table_holds():
    table = pd.DataFrame({"clip_id": [f"c{i}" for i in range(50)], "source_id": [f"s{i // 2}" for i in range(50)]})
    drawn = draw_clips(table, 10, "test")["clip_id"].tolist()
    assert drawn == draw_clips(table.sample(frac=1, random_state=1), 10, "test")["clip_id"].tolist()
    assert set(draw_clips(table.iloc[:40], 10, "test")["clip_id"]) >= set(drawn) & set(table["clip_id"][:40])


def test_one_source_alone_is_refused():
    table = pd.DataFrame({"clip_id": ["a", "b"], "source_id": ["s", "s"]})
    with pytest.raises(ValueError, match="split test has clips of 1 sources: evaluation needs two"):
        draw_clips(table, 10, "test")
