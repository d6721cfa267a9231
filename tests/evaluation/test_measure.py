import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.features.shards import read_shards


def test_everything_is_measured_for_every_clip_in_one_order(measured, world):
    stored = {sample.clip_id: sample for sample in read_shards(world.features / "test")}
    names = [row["clip_id"] for row in measured.rows]
    assert sorted(names) == sorted(stored)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(measured.true.onsets_s[i], stored[name].onsets_s)
        np.testing.assert_array_equal(measured.flow[i], stored[name].flow)
    for music in (measured.generated, measured.true, measured.codec):
        assert music.embeddings.shape == (6, 200)
        assert music.probabilities.shape == (6, 50)
        assert len(music.onsets_s) == 6
    assert [vectors.shape for vectors in measured.vectors] == [(6, 64), (6, 64)]
    assert len(measured.training_genres) == len(measured.training.embeddings) == 6


def test_clips_that_the_manifest_lacks_are_named(world, config):
    renamed = world.manifest.assign(clip_id="other-" + world.manifest["clip_id"])
    with pytest.raises(
        ValueError, match=r"6 of 6 generated clips are not in manifest, the first 0.*features,generation"
    ):
        world.measure(config, renamed)


def test_a_folder_without_a_record_is_refused(world, config, tmp_path):
    from vmas_pipeline.evaluation.measure import measure

    with pytest.raises(ValueError, match=r"has no record\.json: run `kedro run --pipelines=generation` first"):
        measure(config, world.clip, tmp_path, world.reconstructed, world.features, pd.DataFrame())
