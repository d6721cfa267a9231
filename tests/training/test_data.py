from itertools import islice

import pytest
import torch

from vmas_pipeline.training.data import TrainingData, held_out_batches


def stream(features, **changes) -> TrainingData:
    return TrainingData(features, **{"batch": 4, "shuffle_buffer": 8, "seed": 0, **changes})


def test_a_stream_started_in_the_middle_goes_on_as_the_whole_one(features):
    whole = list(islice(stream(features).batches(), 10))
    rest = list(islice(stream(features).batches(start=7), 3))  # beyond the first epoch, of six batches
    for expected, found in zip(whole[7:], rest, strict=True):
        assert torch.equal(expected.codes, found.codes)
        assert torch.equal(expected.frames, found.frames)


def test_an_epoch_visits_every_clip_once(features):
    batches = list(islice(stream(features).batches(), 6))
    codes = torch.cat([batch.codes for batch in batches])
    assert len(codes.flatten(1).unique(dim=0)) == 24


def test_two_ranks_share_an_epoch(features):
    ranks = [list(islice(stream(features, rank=rank, ranks=2).batches(), 3)) for rank in (0, 1)]
    codes = torch.cat([batch.codes for batches in ranks for batch in batches])
    assert len(codes.flatten(1).unique(dim=0)) == 24


def test_seed_and_epoch_change_the_order(features):
    first = next(stream(features).batches()).codes
    assert not torch.equal(first, next(stream(features, seed=1).batches()).codes)
    assert not torch.equal(first, next(stream(features).batches(start=6)).codes)


def test_fewer_shards_than_ranks_are_refused(features):
    with pytest.raises(ValueError, match=r"has 4 shards for 5 ranks: .*train\.engine\.processes"):
        stream(features, ranks=5)


def test_held_out_batches_hold_two_clips_or_more(features):
    batches = held_out_batches(features, "validation", clips=3, batch=2)
    assert [len(batch.codes) for batch in batches] == [2]
    assert batches[0].video().shape == (2, 3, 8, 16, 16)
