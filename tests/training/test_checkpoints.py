import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter

from vmas_pipeline.training.checkpoints import (
    CONTENTS,
    BestWeights,
    Checkpoints,
    contents,
    run_key,
    what_is_damaged,
)
from vmas_pipeline.training.config import EngineConfig, MonitoringConfig, TrainConfig
from vmas_pipeline.training.optimisation import MovingAverage


def test_a_run_is_known_by_its_settings_and_its_data(features, small_config, tmp_path):
    config = small_config()
    key = run_key(config, features)
    assert key == run_key(replace(config, resume=False, monitoring=MonitoringConfig()), features)
    assert key == run_key(replace(config, engine=replace(config.engine, timeout_s=7200)), features)
    other_layout = EngineConfig(processes=2, zero_stage=3, micro_batch=1, accumulation=2, workers=1)
    assert key == run_key(replace(config, engine=other_layout), features)
    assert key != run_key(replace(config, engine=replace(config.engine, micro_batch=8)), features)
    assert key != run_key(replace(config, seed=1), features)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "index.parquet").write_bytes(b"other clips")
    assert key != run_key(config, tmp_path)


def test_a_run_is_known_again_from_its_job(features, small_config):
    config, adapter = small_config(), TypeAdapter(TrainConfig)
    assert run_key(adapter.validate_json(adapter.dump_json(config)), features) == run_key(config, features)


def test_an_unfinished_run_is_kept_and_a_finished_one_makes_way(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run", kept=2)
    checkpoints.begin(resume=True)
    (checkpoints.folder / "step-00000003").mkdir()
    checkpoints.begin(resume=True)
    assert checkpoints.steps() == [3]
    checkpoints.finish()
    checkpoints.begin(resume=True)
    assert checkpoints.steps() == []


def test_resume_can_be_declined(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run", kept=2)
    (checkpoints.folder / "step-00000003").mkdir(parents=True)
    checkpoints.begin(resume=False)
    assert checkpoints.steps() == []


def test_what_was_being_written_is_no_checkpoint(tmp_path):
    (tmp_path / "step-00000004.partial").mkdir()
    (tmp_path / "step-00000002").mkdir()
    assert Checkpoints(tmp_path, kept=2).steps() == [2]


@pytest.fixture
def written(tmp_path):
    """A checkpoint's folder with two files."""
    folder = tmp_path / "step-00000002"
    (folder / "inner").mkdir(parents=True)
    (folder / "weights.pt").write_bytes(bytes(range(256)) * 100)
    (folder / "inner" / "random.pt").write_bytes(b"random")
    (folder / CONTENTS).write_text(json.dumps(contents(folder)))
    return folder


def test_a_checkpoint_is_whole_while_its_files_are_those_that_were_written(written):
    assert what_is_damaged(written) is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: os.truncate(folder / "weights.pt", 10_000), "weights.pt has 10000 bytes of 25600"),
        (lambda folder: (folder / "weights.pt").write_bytes(bytes(25_600)), "weights.pt has other contents"),
        (lambda folder: (folder / "inner" / "random.pt").unlink(), "inner/random.pt is missing"),
        (lambda folder: (folder / CONTENTS).unlink(), "contents.json is missing or unreadable"),
    ],
    ids=["truncated", "overwritten", "removed", "unlisted"],
)
def test_damage_is_named(written, damage, said):
    damage(written)
    assert what_is_damaged(written) == said


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="checkpoints cannot be written to /sys/kernel/vmas"):
        Checkpoints(Path("/sys/kernel/vmas"), kept=2).begin(resume=True)


def test_what_was_being_written_when_a_run_ended_is_cleared_away(tmp_path):
    (tmp_path / "step-00000004.partial").mkdir()
    Checkpoints(tmp_path, kept=2).begin(resume=True)
    assert not (tmp_path / "step-00000004.partial").exists()


def test_the_best_weights_are_those_of_the_lowest_figure_also_after_a_restart(tmp_path):
    best = BestWeights(tmp_path)
    for step, value in ((10, 3.0), (20, 2.0), (30, 2.5)):
        best.offer(value, step, MovingAverage([("a", torch.full((2,), float(step)))], decay=0.9))
    again = BestWeights(tmp_path)
    assert (again.value, again.step) == (2.0, 20)
    assert torch.equal(again.weights()["a"], torch.full((2,), 20.0))
    again.offer(2.2, 40, MovingAverage([("a", torch.zeros(2))], decay=0.9))
    assert BestWeights(tmp_path).step == 20
