"""Two torchrun agents, as on two nodes, meet on the loopback and train one model."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

from vmas_pipeline.training.checkpoints import Checkpoints
from vmas_pipeline.training.config import EngineConfig, MonitoringConfig
from vmas_pipeline.training.loop import Job


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_agents(job: Path) -> list[subprocess.Popen]:
    """The command of docs/training.md, once for each of two nodes."""
    address = [
        "--nnodes",
        "2",
        "--nproc-per-node",
        "1",
        "--master-addr",
        "127.0.0.1",
        "--master-port",
        str(free_port()),
    ]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *address, "--node-rank", str(node), "-m",
             "vmas_pipeline.training.loop", str(job)],
            stderr=subprocess.PIPE, text=True,
        )
        for node in (0, 1)
    ]  # fmt: skip


def lose_node(agent: subprocess.Popen) -> None:
    """SIGKILL to an agent alone; its rank must not outlive it."""
    ranks = psutil.Process(agent.pid).children(recursive=True)
    agent.kill()
    agent.wait()
    assert psutil.wait_procs(ranks, timeout=30)[1] == []


@pytest.mark.flow
@pytest.mark.timeout(400)
def test_killing_one_agent_ends_the_run_with_a_message_and_a_restart_goes_on(
    features, codec, clip, small_config, tmp_path, new_run
):
    new_run, client = new_run
    monitoring = MonitoringConfig(log_every=1, checkpoint_every=3, sample_clips=0)
    layout = EngineConfig(processes=2, micro_batch=2, timeout_s=20)
    job = Job(
        train=small_config(steps=1500, monitoring=monitoring, engine=layout), clip=clip, features=str(features),
        codec=codec, model=tmp_path / "model", checkpoints=tmp_path / "run", result=tmp_path / "result.json",
        run_id=new_run(),
    )  # fmt: skip
    job.write(tmp_path / "job.json")
    checkpoints = Checkpoints(job.checkpoints, kept=2)
    checkpoints.begin(resume=True)
    agents = start_agents(tmp_path / "job.json")
    try:
        assert agents[0].stderr is not None
        for line in agents[0].stderr:
            if "/1500" in line and checkpoints.steps():
                break
        lose_node(agents[1])
        _, said = agents[0].communicate(timeout=120)
    finally:
        for agent in agents:
            if agent.poll() is None:
                lose_node(agent)
    assert agents[0].returncode != 0
    assert "rank 1 did not come to step" in said
    reached = checkpoints.steps()[-1]
    assert not job.model.exists()

    shorter = job.train.steps  # the same job, to its end from where it was
    (tmp_path / "job.json").write_text((tmp_path / "job.json").read_text().replace(str(shorter), str(reached + 6)))
    agents = start_agents(tmp_path / "job.json")
    outputs = [agent.communicate(timeout=120)[1] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], outputs
    assert f"{reached}/{reached + 6}" in outputs[0]  # where the bar begins
    assert load_file(job.model / "model.safetensors")
    logged = [metric.step for metric in client.get_metric_history(job.run_id, "train/total")]
    assert logged == sorted(set(logged)), "a step was logged twice"
    assert logged[-1] >= reached + 6
