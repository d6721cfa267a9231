"""What the API tells about jobs and models."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from vmas_pipeline.production import Options
from vmas_pipeline.server.jobs import Job, JobQueue, State
from vmas_pipeline.server.storage import Storage


class Progress(BaseModel):
    """How far a running job is."""

    stage: str = Field(description="what is being done")
    done: int = Field(description="steps of the stage that are done")
    total: int = Field(description="steps of the stage; 0: not known")


class Take(BaseModel):
    """One piece of music for the video."""

    number: int = Field(description="from 1, the best first")
    seed: int
    scores: dict[str, float | None] = Field(description="by name; how each is measured stands in the take's record")
    files: dict[str, str] = Field(description="kind -> address: the video with the music, the music alone, the record")


class JobView(BaseModel):
    """A job as clients see it."""

    id: str
    state: State
    name: str = Field(description="the file's name as it was sent")
    model: str
    version: str | None = Field(description="of the model that made it, once it is done; none for a model folder")
    options: dict[str, Any]
    duration_s: float
    width: int
    height: int
    created: datetime
    parent: str | None = Field(description="the job that this one does again")
    take: int | None = Field(description="of the parent, whose music is kept but for the sections to redo")
    position: int | None = Field(description="jobs before it, while it waits")
    progress: Progress | None = Field(description="while it runs")
    time_left_s: float | None = Field(description="estimated from recent jobs; none while there are none")
    reason: str | None = Field(description="why it failed")
    takes: list[Take]
    links: dict[str, str]


class ModelView(BaseModel):
    """A model that a worker holds."""

    name: str
    version: str | None = Field(description="in the registry; none for a model folder")
    data_licences: list[str] = Field(description="of the videos that it was trained on; none: not known")
    window_s: float = Field(description="seconds of music made at once; longer videos are continued")
    sample_rate: int


class Viewer:
    """Makes views of rows."""

    def __init__(self, queue: JobQueue, storage: Storage) -> None:
        self.queue, self.storage = queue, storage

    def view(self, job: Job, waiting: Sequence[Job] | None = None) -> JobView:
        """A job now.

        Args:
            job: its row.
            waiting: all that run and wait, where they have just been read.
        """
        ended = job.state.ended
        if waiting is None and not ended:
            waiting = self.queue.waiting()
        before = [other for other in waiting or () if other.state is State.QUEUED and other.created_s < job.created_s]
        return JobView(
            **{name: getattr(job, name) for name in _SAME},
            created=datetime.fromtimestamp(job.created_s, UTC),
            position=len(before) if job.state is State.QUEUED else None,
            progress=Progress(stage=job.stage, done=job.done, total=job.total) if job.state is State.RUNNING else None,
            time_left_s=None if ended else self._time_left_s(job, waiting or ()),
            takes=self._takes(job) if job.state is State.DONE else [],
            links=_links(job, self.storage.analysis(job.id).is_file()),
        )

    def _time_left_s(self, job: Job, waiting: Sequence[Job]) -> float | None:
        """All work before the job is shared among the workers, then comes its own."""
        first = [other for other in waiting if other.state is State.RUNNING or other.created_s < job.created_s]
        factors = {model: self.queue.real_time_factor(model) for model in {other.model for other in (*first, job)}}
        if factors[job.model] is None:
            return None
        own = _left_s(job, factors)
        if job.state is State.RUNNING:
            return own
        return sum(_left_s(other, factors) for other in first) / max(1, len(self.queue.workers())) + own

    def _takes(self, job: Job) -> list[Take]:
        folder = self.storage.takes(job.id)
        records = json.loads((folder / "production.json").read_text())["takes"]
        return [
            Take(number=number, seed=record["seed"], scores=record["scores"], files=_files(job, folder, number))
            for number, record in enumerate(records, 1)
        ]


_SAME = (
    "id",
    "state",
    "name",
    "model",
    "version",
    "options",
    "duration_s",
    "width",
    "height",
    "parent",
    "take",
    "reason",
)


def _files(job: Job, folder: Path, number: int) -> dict[str, str]:
    container = Options(**job.options).container
    names = {"music": "wav", "record": "json"}
    names |= {"sound": f"mix.{container}"} if container in ("wav", "flac") else {"video": container}
    own = f"/v1/jobs/{job.id}/takes/{number}"
    return {kind: f"{own}.{ending}" for kind, ending in names.items() if (folder / f"take-{number}.{ending}").is_file()}


def _left_s(job: Job, factors: dict[str, float | None]) -> float:
    elapsed_s = datetime.now(UTC).timestamp() - job.started_s if job.started_s else 0.0
    return max(1.0, (factors[job.model] or 0.0) * job.work - elapsed_s)


def _links(job: Job, is_seen: bool) -> dict[str, str]:
    own = f"/v1/jobs/{job.id}"
    links = {"self": own, "video": f"{own}/video", "page": f"/#job={job.id}"}
    if not job.state.ended:
        links |= {"events": f"{own}/events", "cancel": f"{own}/cancel"}
    if job.state is State.DONE:
        links["result"] = f"{own}/result"
    if is_seen:
        links["analysis"] = f"{own}/analysis"
    return links
