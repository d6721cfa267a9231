"""The whole stage, with its real processes: DeepSpeed under torchrun with gloo."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from vmas_pipeline.generator import Generator
from vmas_pipeline.training.config import EngineConfig, ModelConfig, MonitoringConfig, OptimiserConfig
from vmas_pipeline.training.launcher import TrainingFailed
from vmas_pipeline.training.loop import Job
from vmas_pipeline.training.stage import prepare, train


@pytest.mark.flow
def test_a_failing_rank_ends_the_stage_with_its_error(features, codec, clip, small_config, tmp_path):
    damaged = tmp_path / "features"
    shutil.copytree(features, damaged)
    for shard in (damaged / "train").glob("*.tar"):
        os.truncate(shard, 1000)
    with pytest.raises(TrainingFailed, match=r"clip clip-00\d\d cannot be read from .*\.tar"):
        train(small_config(), clip, damaged, codec, tmp_path / "model", tmp_path / "checkpoints")
    assert not (tmp_path / "model").exists()


def test_features_that_are_not_there_are_refused_at_once(codec, clip, small_config, tmp_path):
    with pytest.raises(ValueError, match=r"no .*train/index\.parquet: run `kedro run"):
        train(small_config(), clip, tmp_path / "none", codec, tmp_path / "model", tmp_path / "checkpoints")


def test_sizes_that_clips_and_codec_decide_are_derived(features, codec, clip, small_config, tmp_path):
    config = replace(small_config(), model=ModelConfig(size="vmas_paper"))
    _, file = prepare(config, clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")
    model = Job.read(file).train.model.build()
    assert (model.frames_per_clip, model.video.frame_size, model.frame_rate, model.token_rate) == (8, 16, 8.0, 50.0)
    assert (model.decoder.codebooks, model.decoder.card, model.code_width) == (4, 256, 64)


def test_an_override_that_contradicts_the_clips_is_refused_at_once(features, codec, clip, small_config, tmp_path):
    config = replace(small_config(), model=ModelConfig(overrides={"video": {"frames": 48}}))
    with pytest.raises(ValueError, match=r"the model's video\.frames is 48, but clips and codec have 8: drop train"):
        train(config, clip, features, codec, Path(tmp_path / "model"), tmp_path / "checkpoints")


def test_d_adaptation_under_zero_needs_gpus(features, codec, clip, small_config, tmp_path):
    optimiser = OptimiserConfig(name="dadapt_adam", learning_rate=1.0, warmup_steps=2)
    config = small_config(optimiser=optimiser, engine=EngineConfig(processes=2, zero_stage=2))
    with pytest.raises(ValueError, match=r"dadapt_adam sums over the ranks of ZeRO on GPUs alone: set .*zero_stage"):
        train(config, clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")


@pytest.mark.flow
def test_a_run_that_only_gets_worse_ends_early_with_its_best_weights(features, codec, clip, small_config, tmp_path):
    monitoring = MonitoringConfig(validate_every=2, validation_clips=4, patience=3, checkpoint_every=50, sample_clips=0)
    optimiser = OptimiserConfig(
        learning_rate=0.3, warmup_steps=0, max_grad_norm=0.0
    )  # far too high: 4 clips say nothing of others
    config = small_config(steps=400, monitoring=monitoring, optimiser=optimiser, keep="best", ema_decay=0.0)
    train(config, clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")
    best = next((tmp_path / "checkpoints").glob("*/best.safetensors"))
    weights, model = load_file(best), load_file(tmp_path / "model" / "model.safetensors")
    assert all((model[name] == value).all() for name, value in weights.items())
    assert Generator.load(tmp_path / "model").training["step"] < 400 - 3 * 2


def test_several_machines_are_left_to_a_scheduler(features, codec, clip, small_config, tmp_path):
    with pytest.raises(ValueError, match=r"train\.engine\.nodes is 4, .*train_plan"):
        train(small_config(engine=EngineConfig(nodes=4)), clip, features, codec, tmp_path / "m", tmp_path / "c")


def test_a_job_is_written_beside_its_checkpoints(features, codec, clip, small_config, tmp_path):
    kept, file = prepare(small_config(), clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")
    job = Job.read(file)
    assert file.parent == kept.folder
    assert (job.train.optimiser, job.features, job.model) == (
        small_config().optimiser,
        str(features),
        tmp_path / "model",
    )
