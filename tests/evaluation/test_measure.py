import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.features.shards import read_shards


def test_everything_is_measured_for_every_clip_in_one_order(measured, world):
    stored = {sample.clip_id: sample for sample in read_shards(world.features / "test")}
    names = [row["clip_id"] for row in measured.rows]
    assert sorted(names) == sorted(stored)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(measured.true.onsets_s[i], stored[name].onsets_s)
        np.testing.assert_array_equal(measured.flow[i], stored[name].flow)
    for music in (measured.generated, measured.true, measured.codec):
        assert list(music.embedded) == ["mtt_musicnn", "msd_musicnn"]
        assert all(each.vectors.shape == (6, 200) for each in music.embedded.values())
        assert all(each.probabilities.shape == (6, 50) for each in music.embedded.values())
        assert len(music.onsets_s) == len(music.prints) == 6
    assert [vectors.shape for vectors in measured.vectors] == [(6, 64), (6, 64)]
    assert len(measured.training_genres) == len(measured.spaces[0].training.vectors) == 6


def test_an_embedding_without_its_weights_is_refused_before_the_work(world, tmp_path):
    config = EvaluationConfig(embeddings=[{"kind": "musicnn"}, {"kind": "vggish", "weights": tmp_path / "v.pth"}])
    with pytest.raises(ValueError, match=r"the embedding vggish has no weights at .*v\.pth: put vggish-10086976\.pth"):
        world.measure(config)


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
