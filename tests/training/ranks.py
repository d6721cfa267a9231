"""One rank of several short trainings, one after the other: losses, averages and d of each, for test_zero.py.

torchrun ... ranks.py JOBS.json OUT.pt
"""

import json
import sys
from pathlib import Path

import torch
from pydantic import TypeAdapter

from vmas_pipeline.training.loop import Job, _batches, _optimiser_step, _prepare, join_ranks
from vmas_pipeline.training.state import full_weights


def run(job: Job, until: int) -> dict:
    """Train to a step, from the job's checkpoint where it has one, and leave one unless it is the end."""
    parts = _prepare(job, torch.device("cpu"))
    batches, losses = _batches(parts), []
    for step in range(parts.done, until):
        loss, _ = _optimiser_step(parts, batches, step)
        total = loss.total.detach().clone()
        torch.distributed.all_reduce(total)
        losses.append(float(total) / torch.distributed.get_world_size())
        parts.average.update(full_weights(parts.engine, job.train.engine.sharded))
    if until < job.train.steps:
        parts.checkpoints.folder.mkdir(parents=True, exist_ok=True)
        parts.checkpoints.save(parts.engine, until, parts.average, parts.progress)
    d = parts.engine.optimizer.param_groups[0].get("d")
    return {"losses": losses, "average": parts.average.average, "d": None if d is None else float(d)}


def main() -> None:
    torch.Tensor.cuda = lambda self: self  # dadaptation sums over the ranks on GPUs alone: here on gloo
    torch.set_num_threads(1)
    join_ranks(torch.device("cpu"), patience_s=300)
    jobs = TypeAdapter(dict[str, tuple[Job, int]]).validate_python(json.loads(Path(sys.argv[1]).read_text()))
    results = {name: run(job, until) for name, (job, until) in jobs.items()}
    if torch.distributed.get_rank() == 0:
        torch.save(results, sys.argv[2])
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
