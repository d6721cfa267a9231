"""A run that is killed, damaged and out of room, with its real processes, against one that nothing happens to."""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pydantic import TypeAdapter
from safetensors.torch import load_file

from vmas_pipeline.generator import Generator
from vmas_pipeline.training.config import EngineConfig, MonitoringConfig, TrainConfig
from vmas_pipeline.training.stage import train

SCRIPT = """
import sys
from pathlib import Path
from pydantic import TypeAdapter
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.stage import train

config = TypeAdapter(TrainConfig).validate_json(sys.argv[1])
clip = TypeAdapter(ClipSpec).validate_json(sys.argv[2])
train(config, clip, *map(Path, sys.argv[4:]), run_id=sys.argv[3] or None)
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

    def __init__(self, config: TrainConfig, clip, run_id: str, *paths: Path, **options):
        arguments = [TypeAdapter(TrainConfig).dump_json(config), TypeAdapter(type(clip)).dump_json(clip), run_id]
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


@pytest.mark.flow
@pytest.mark.timeout(600)
def test_a_run_that_is_killed_loses_a_checkpoint_and_finds_a_full_disk_ends_as_the_unbroken_one(
    features, codec, clip, small_config, tmp_path, capfd, new_run
):
    new_run, client = new_run
    monitoring = MonitoringConfig(
        log_every=3, validate_every=12, validation_clips=4, sample_clips=0, checkpoint_every=3
    )
    config = small_config(steps=60, engine=EngineConfig(processes=2, micro_batch=2), monitoring=monitoring)
    unbroken, resumed = new_run(), new_run()
    metrics = train(config, clip, features, codec, tmp_path / "unbroken", tmp_path / "one", run_id=unbroken)
    assert metrics["codebook_3"] > 0

    paths = [features, codec, tmp_path / "resumed", tmp_path / "two"]
    training = Training(config, clip, new_run(), *paths)
    try:
        assert wait_for(lambda: len(steps(tmp_path / "two")) > 1, 240), "no checkpoint came"
        time.sleep(random.Random(0).uniform(0, 0.5))
    finally:
        training.kill()
    assert not (tmp_path / "resumed").exists()

    kept = steps(tmp_path / "two")  # two, or three where the kill came before the oldest was removed
    damaged = next((tmp_path / "two").glob(f"*/{kept[-1]}/optimiser-exp_avg.safetensors"))
    os.truncate(damaged, damaged.stat().st_size // 2)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))  # noqa: E731
    full = Training(
        config, clip, "", *paths, preexec_fn=limit, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    out, errors = full.process.communicate(timeout=240)
    assert full.process.returncode != 0
    assert re.search(
        rf"checkpoint of step {int(kept[-1][5:])} is damaged .*exp_avg.safetensors has \d+ bytes of \d+", out + errors
    )
    assert re.search(rf"could not be written to .*is the disk full.*goes on from step {int(kept[-2][5:])}", errors)
    assert steps(tmp_path / "two")[-1:] == kept[-2:-1]

    train(config, clip, *paths, run_id=resumed)
    assert f"goes on from the checkpoint of step {int(kept[-2][5:])} of 60" in capfd.readouterr().out
    weights, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("resumed", "unbroken"))
    assert all((weights[name] == value).all() for name, value in expected.items())

    def curve(run_id: str, key: str) -> list[tuple[int, float]]:
        return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, key)]

    assert [step for step, _ in curve(unbroken, "train/total")] == list(range(3, 61, 3))
    for key in ("train/total", "train/codebook_2", "train/grad_norm", "validation/beat_gap"):
        assert curve(resumed, key) == curve(unbroken, key)
    assert "speed/flop_utilisation" in client.get_run(resumed).data.metrics
    provenance = Generator.load(tmp_path / "resumed").training
    assert (provenance["config"]["steps"], provenance["run_id"]) == (60, resumed)
    assert provenance["revision"]["version.torch"].startswith("2.")
