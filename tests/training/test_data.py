import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.training.config import ObjectiveConfig
from vmas_pipeline.training.data import (
    Positions,
    ShuffledClips,
    TrainingBatch,
    apart,
    held_out_batches,
    spread,
    training_batches,
)

SIZES = with_overrides(vmas_base(), {"video": {"frame_size": 16}})
WITH_CURVES = with_overrides(SIZES, {"curves": {"events": 3}})


def batches(features, count, *, seed=0, dropout=0.0, start=0, batch=4, rank=0, ranks=1, workers=0, **options) -> list:
    stack = TrainingBatch(SIZES, ObjectiveConfig(condition_dropout=dropout), seed)
    if options:
        stack = TrainingBatch(WITH_CURVES, ObjectiveConfig(condition_dropout=dropout, **options), seed)
    positions = Positions(start, batch, rank, ranks)
    return list(islice(training_batches(ShuffledClips(features, seed=seed), positions, stack, workers), count))


def codes(found) -> torch.Tensor:
    return torch.cat([batch.codes for batch in found])


def test_a_sequence_started_in_the_middle_goes_on_as_the_whole_one(features):
    whole = batches(features, 10, dropout=0.5)
    rest = batches(features, 3, dropout=0.5, start=28)  # beyond the first epoch, of six batches
    for expected, found in zip(whole[7:], rest, strict=True):
        assert torch.equal(expected.codes, found.codes)
        assert torch.equal(expected.conditions.frames, found.conditions.frames)
        assert torch.equal(expected.conditions.has_video, found.conditions.has_video)


def test_an_epoch_visits_every_clip_once(features):
    assert len(codes(batches(features, 6)).flatten(1).unique(dim=0)) == 24


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_what_one_would_take_at_once(features, ranks):
    alone = batches(features, 9, batch=8, dropout=0.5)
    shared = [batches(features, 9, batch=8 // ranks, rank=rank, ranks=ranks, dropout=0.5) for rank in range(ranks)]
    for expected, *parts in zip(alone, *shared, strict=True):
        assert torch.equal(expected.codes, codes(parts))
        assert torch.equal(expected.conditions.has_video, torch.cat([part.conditions.has_video for part in parts]))


def test_seed_and_epoch_change_the_order(features):
    first = codes(batches(features, 6))
    assert not torch.equal(first, codes(batches(features, 6, seed=1)))
    assert not torch.equal(first, codes(batches(features, 6, start=24)))


def test_a_smaller_share_of_the_videos_is_part_of_a_larger_one(features):
    shares = [ShuffledClips(features, seed=0, share=share) for share in (1.0, 0.6, 0.3)]
    drawn = [set(clips.places.values["clip_id"].tolist()) for clips in shares]
    assert len(drawn[0]) == 24 > len(drawn[1]) > len(drawn[2]) > 0
    assert drawn[0] > drawn[1] > drawn[2]
    clips = ShuffledClips(features, seed=0, share=0.6)
    assert {clips[position][0].clip_id.encode() for position in range(len(drawn[1]))} == drawn[1]  # the right spans
    with pytest.raises(ValueError, match=r"train\.data_share 1e-06 leaves no clip of"):
        ShuffledClips(features, seed=0, share=1e-6)


def test_processes_that_read_ahead_change_nothing(features):
    assert torch.equal(codes(batches(features, 5, workers=2)), codes(batches(features, 5)))


def test_the_share_of_hidden_videos_is_the_one_asked_for(features):
    shown = [batch.conditions.has_video for batch in batches(features, 500, dropout=0.25)]
    hidden = 1 - torch.cat(shown).float().mean()
    assert hidden == pytest.approx(0.25, abs=0.04)  # of 2000 clips: four standard deviations


def test_video_and_curves_are_hidden_as_often_as_asked(features):
    found = batches(features, 100, dropout=0.2, video_dropout=0.4, curve_dropout=0.25)
    video = torch.cat([batch.conditions.has_video for batch in found]).float()
    curves = torch.cat([batch.conditions.has_curves["events"] for batch in found]).float()
    assert ((1 - video) * (1 - curves)).mean() == pytest.approx(0.2, abs=0.08)  # of 400 clips: four deviations
    assert ((1 - video) * curves).mean() == pytest.approx(0.8 * 0.4, abs=0.1)
    assert (video * (1 - curves)).mean() == pytest.approx(0.8 * 0.25, abs=0.09)


def test_curves_are_rough_as_the_position_decides(features):
    smooth, rough, again = (
        torch.cat([batch.conditions.curves["events"] for batch in batches(features, 6, curve_roughness=amount)])
        for amount in (0.0, 0.5, 0.5)
    )
    assert torch.equal(rough, again)
    assert not torch.equal(rough, smooth)
    assert rough.shape == (24, 8, 3) and rough.min() >= 0 and rough.max() <= 1


def test_a_damaged_shard_names_the_clip_and_the_file(features, tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "index.parquet").write_bytes((features / "train" / "index.parquet").read_bytes())
    for shard in (features / "train").glob("*.tar"):
        (folder / shard.name).write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"clip clip-0003 cannot be read from .*000000\.tar .*run `kedro run"):
        ShuffledClips(tmp_path, seed=0).read(3)


@pytest.mark.parametrize(
    ("columns", "said"),
    [(None, "no .*index.parquet: run"), (["clip_id"], "written by an earlier version"), ([], "names no clips")],
)
def test_features_without_a_usable_index_are_refused(tmp_path, columns, said):
    (tmp_path / "train").mkdir()
    if columns is not None:
        pd.DataFrame({name: ["a"] for name in columns}).to_parquet(tmp_path / "train" / "index.parquet")
    with pytest.raises(ValueError, match=said):
        ShuffledClips(tmp_path, seed=0)


def test_a_clip_takes_a_few_dozen_bytes_once_for_all_processes_that_read_ahead(tmp_path):
    count = 10_000
    names = [f"{number:016x}-00000000" for number in range(count)]
    table = pd.DataFrame({"clip_id": names, "shard": "000000.tar", "offset": range(count), "length": 1})
    (tmp_path / "train").mkdir()
    table.to_parquet(tmp_path / "train" / "index.parquet")
    clips = ShuffledClips(tmp_path, seed=0)
    assert clips.places.values.nbytes / count < 50
    assert not clips.places.values.dtype.hasobject
    pickled = pickle.dumps(clips)
    assert len(pickled) < 1000
    assert np.array_equal(pickle.loads(pickled).places.values, clips.places.values)
    path = Path(clips.places.path)
    del clips
    assert not path.exists()


def test_held_out_batches_hold_two_clips_or_more(features):
    found = held_out_batches(features, "validation", clips=3, batch=2, sizes=SIZES)
    assert [len(batch.codes) for batch in found] == [2]
    assert found[0].conditions.frames.shape == (2, 8, 16, 16, 3)


def films(**clips: int) -> pd.DataFrame:
    rows = [{"clip_id": f"{film}-{i}", "source_id": film} for film, count in clips.items() for i in range(count)]
    return pd.DataFrame(rows)


def test_held_out_clips_are_drawn_from_every_film_before_a_second_of_any():
    drawn = spread(films(a=9, b=2, c=1, d=5))
    assert set(drawn["source_id"].head(4)) == set("abcd")
    assert spread(films(d=5, c=1, b=2, a=9))["clip_id"].tolist() == drawn["clip_id"].tolist()


@pytest.mark.parametrize("clips", [{"a": 3, "b": 2, "c": 1}, {"a": 2, "b": 2, "c": 2, "d": 1}, {"a": 1, "b": 1}])
def test_a_clip_is_shuffled_with_one_of_another_film(clips):
    sources = apart(films(**clips))["source_id"].tolist()
    assert sorted(sources) == sorted(films(**clips)["source_id"])
    assert all(one != other for one, other in zip(sources, sources[-1:] + sources[:-1], strict=True))
