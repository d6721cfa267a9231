"""The whole stage, with its real processes: DeepSpeed under torchrun with gloo."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from pydantic import TypeAdapter
from safetensors.torch import load_file

from vmas_pipeline.generator import Generator
from vmas_pipeline.training.config import EngineConfig, ModelConfig, OptimiserConfig, TrainConfig, WatchConfig
from vmas_pipeline.training.launcher import TrainingFailed, launch
from vmas_pipeline.training.loop import Job
from vmas_pipeline.training.stage import prepare, train

SCRIPT = """
import sys
from pathlib import Path
from pydantic import TypeAdapter
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.stage import train

config = TypeAdapter(TrainConfig).validate_json(sys.argv[1])
clip = TypeAdapter(ClipSpec).validate_json(sys.argv[2])
train(config, clip, *map(Path, sys.argv[3:]))
"""


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Training:
    """The stage in a process of its own, as `kedro run` is one."""

    def __init__(self, config: TrainConfig, clip, *paths: Path, **options):
        arguments = [TypeAdapter(TrainConfig).dump_json(config), TypeAdapter(type(clip)).dump_json(clip)]
        self.process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments, *map(str, paths)], **options)

    def kill(self) -> None:
        """SIGKILL to the stage; its workers must not outlive it."""
        workers = psutil.Process(self.process.pid).children(recursive=True)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert len(workers) >= 3  # torchrun and two ranks
        assert psutil.wait_procs(workers, timeout=30)[1] == [], "workers outlived the process that started them"


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/step-????????"))


@pytest.mark.timeout(600)
def test_a_run_that_is_killed_three_times_loses_a_checkpoint_and_finds_a_full_disk_ends_with_the_same_weights(
    features, codec, clip, small_config, tmp_path, capfd
):
    config = small_config(steps=90, engine=EngineConfig(processes=2, micro_batch=2))
    figures = train(config, clip, features, codec, tmp_path / "unbroken", tmp_path / "one")
    assert figures["codebook_0"] > 0

    paths = [features, codec, tmp_path / "resumed", tmp_path / "two"]
    draw = random.Random(0)
    for _ in range(3):
        before, training = steps(tmp_path / "two"), Training(config, clip, *paths)
        try:
            assert wait_for(lambda old=before: steps(tmp_path / "two")[-1:] > old[-1:], 240), "no checkpoint came"
            time.sleep(draw.uniform(0, 0.5))
        finally:
            training.kill()
        assert not (tmp_path / "resumed").exists()

    kept = steps(tmp_path / "two")
    damaged = next((tmp_path / "two").glob(f"*/{kept[-1]}/optimiser-exp_avg.safetensors"))
    os.truncate(damaged, damaged.stat().st_size // 2)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))  # noqa: E731
    full = Training(config, clip, *paths, preexec_fn=limit, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    out, errors = full.process.communicate(timeout=240)
    assert full.process.returncode != 0
    assert re.search(
        rf"checkpoint of step {int(kept[-1][5:])} is damaged .*exp_avg.safetensors has \d+ bytes of \d+", out + errors
    )
    assert re.search(rf"could not be written to .*is the disk full.*goes on from step {int(kept[0][5:])}", errors)
    assert steps(tmp_path / "two") == kept[:1]

    train(config, clip, features, codec, tmp_path / "resumed", tmp_path / "two")
    assert f"goes on from the checkpoint of step {int(kept[0][5:])} of 90" in capfd.readouterr().out
    unbroken, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("unbroken", "resumed"))
    assert all((unbroken[name] == resumed[name]).all() for name in unbroken)
    assert Generator.load(tmp_path / "resumed").training["config"]["steps"] == 90


@pytest.fixture
def new_run(tmp_path, monkeypatch):
    """A function that opens an MLflow run in a store of its own, and the store's client."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = MlflowClient()
    experiment = client.create_experiment("training", artifact_location=str(tmp_path / "artifacts"))
    return lambda: client.create_run(experiment).info.run_id, client


def test_a_run_goes_on_after_its_first_validation_to_the_same_weights_and_curves(
    features, codec, clip, small_config, tmp_path, new_run
):
    new_run, client = new_run
    watch = WatchConfig(log_every=3, validate_every=4, validation_clips=4, checkpoint_every=3, checkpoints_kept=9)
    config = small_config(steps=20, watch=watch, engine=EngineConfig(processes=2, micro_batch=2))
    first = new_run()
    kept, job = prepare(config, clip, features, codec, tmp_path / "model", tmp_path / "checkpoints", first)
    launch(job, config.engine)
    unbroken = load_file(tmp_path / "model" / "model.safetensors")
    curve = {metric.step: metric.value for metric in client.get_metric_history(first, "train/total")}
    assert list(curve) == [3, 6, 9, 12, 15, 18, 20]
    assert Generator.load(tmp_path / "model").training["revision"]["version.torch"].startswith("2.")

    def go_on(run_id: str) -> list[tuple[int, float]]:
        for step in kept.steps():
            if step > 12:
                shutil.rmtree(kept.folder / f"step-{step:08d}")
        replace(Job.read(job), run_id=run_id).write(job)
        launch(job, config.engine)
        resumed = load_file(tmp_path / "model" / "model.safetensors")
        assert all((unbroken[name] == resumed[name]).all() for name in unbroken)
        return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, "train/total")]

    assert go_on(new_run()) == list(curve.items())
    assert go_on(first) == list(curve.items())
    assert "speed/flop_utilisation" in client.get_run(first).data.metrics


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


def test_a_model_that_does_not_fit_the_clips_is_refused_at_once(features, codec, clip, small_config, tmp_path):
    config = replace(small_config(), model=ModelConfig(size="vmas_base"))
    with pytest.raises(ValueError, match=r"the model's video\.frames is 48, but clips and codec have 8"):
        train(config, clip, features, codec, Path(tmp_path / "model"), tmp_path / "checkpoints")


def test_d_adaptation_under_zero_needs_gpus(features, codec, clip, small_config, tmp_path):
    optimiser = OptimiserConfig(name="dadapt_adam", learning_rate=1.0, warmup_steps=2)
    config = small_config(optimiser=optimiser, engine=EngineConfig(processes=2, zero_stage=2))
    with pytest.raises(ValueError, match=r"dadapt_adam sums over the ranks of ZeRO on GPUs alone: set .*zero_stage"):
        train(config, clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")


def test_a_run_that_only_gets_worse_ends_early_with_its_best_weights(features, codec, clip, small_config, tmp_path):
    watch = WatchConfig(validate_every=2, validation_clips=4, patience=3, checkpoint_every=50, sample_clips=0)
    optimiser = OptimiserConfig(
        learning_rate=0.3, warmup_steps=0, clip=0.0
    )  # far too high: 4 clips say nothing of others
    config = small_config(steps=400, watch=watch, optimiser=optimiser, keep="best", ema_decay=0.0)
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
    assert (job.train, job.features, job.model) == (small_config(), str(features), tmp_path / "model")
