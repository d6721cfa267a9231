from dataclasses import replace

from vmas_pipeline.training.checkpoints import Checkpoints, run_key
from vmas_pipeline.training.config import WatchConfig


def test_a_run_is_known_by_its_settings_and_its_data(features, small_config, tmp_path):
    config = small_config()
    key = run_key(config, features)
    assert key == run_key(replace(config, resume=False, watch=WatchConfig()), features)
    assert key != run_key(replace(config, seed=1), features)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "index.parquet").write_bytes(b"other clips")
    assert key != run_key(config, tmp_path)


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
