import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.evaluation.measure import draw_clips, measure
from vmas_pipeline.features.shards import read_shards


def test_everything_is_measured_for_every_clip_in_one_order(measured, world):
    stored = {sample.clip_id: sample for sample in read_shards(world.features / "test")}
    names = [row["clip_id"] for row in measured.rows]
    assert sorted(names) == sorted(stored)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(measured.true.onsets_s[i], stored[name].onsets_s)
        np.testing.assert_array_equal(measured.flow[i], stored[name].flow)
    for heard in (measured.generated, measured.true, measured.codec):
        assert heard.embeddings.shape == (6, 200)
        assert heard.probabilities.shape == (6, 50)
        assert len(heard.onsets_s) == 6
    assert measured.video_vectors.shape == measured.music_vectors.shape == (6, 64)


def test_shown_clips_are_of_several_genres_and_whole(measured, world):
    assert {shown.row["genre"] for shown in measured.shown} == {"techno", "folk"}
    assert all(shown.generated.shape == shown.true.shape == (80_000,) for shown in measured.shown)
    assert np.abs(measured.shown[0].true).max() > 0.01


def test_the_same_clips_are_drawn_whatever_else_the_table_holds():
    table = pd.DataFrame({"clip_id": [f"c{i}" for i in range(50)], "source_id": [f"s{i // 2}" for i in range(50)]})
    drawn = draw_clips(table, 10, "test")["clip_id"].tolist()
    assert drawn == draw_clips(table.sample(frac=1, random_state=1), 10, "test")["clip_id"].tolist()
    assert set(draw_clips(table.iloc[:40], 10, "test")["clip_id"]) >= set(drawn) & set(table["clip_id"][:40])


def test_one_source_alone_is_refused():
    table = pd.DataFrame({"clip_id": ["a", "b"], "source_id": ["s", "s"]})
    with pytest.raises(ValueError, match="split test has clips of 1 sources: evaluation needs two"):
        draw_clips(table, 10, "test")


def test_shards_of_other_clips_are_refused(world, config):
    renamed = world.manifest.assign(clip_id="other-" + world.manifest["clip_id"])
    with pytest.raises(ValueError, match=r"test holds no clip of the manifest's: run `kedro run --pipeline=features`"):
        measure(config, world.clip, world.generator, world.features, renamed)
