"""The routes under /v1."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from vmas_pipeline.media import CONTAINERS, Measured, MediaError, check_output, measure, printable
from vmas_pipeline.production import Options
from vmas_pipeline.server.admission import Admission
from vmas_pipeline.server.analysis import Analysis, read_analysis
from vmas_pipeline.server.config import ServerConfig, public_name
from vmas_pipeline.server.jobs import Job, JobQueue, State
from vmas_pipeline.server.problems import Problem, responses
from vmas_pipeline.server.storage import Storage
from vmas_pipeline.server.upload import options_of, receive
from vmas_pipeline.server.views import JobView, ModelView, Viewer
from vmas_pipeline.server.watch import Watch

_STATUS = {"unreadable": 415, "no_video": 415, "too_long": 413, "too_large": 413}
"""Of refused videos, by the error's reason; 422 for all others."""

_NAME_LENGTH = 120

_CHECKED_AT_ONCE = 2

_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}

JobId = Annotated[str, Path(pattern=r"^[\w-]{22}$", description="as answered by POST /v1/jobs")]


@dataclass(kw_only=True)
class Desk:
    """What the routes work with."""

    config: ServerConfig
    queue: JobQueue
    storage: Storage
    viewer: Viewer
    watch: Watch
    admission: Admission
    checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CHECKED_AT_ONCE))

    @property
    def model_names(self) -> list[str]:
        return [public_name(model) for model in self.config.models]

    def job(self, job_id: str) -> Job:
        """A job's row.

        Raises:
            Problem: 404.
        """
        job = self.queue.get(job_id)
        if job is None:
            raise _gone()
        return job


class Bounds(BaseModel):
    """What this server takes."""

    models: list[str] = Field(description="names that a job may give; the first is the default")
    megabytes: float
    seconds: float
    queue: int
    per_client: int
    job_minutes: float
    keep_hours: float


class Again(BaseModel):
    """The same video once more."""

    model_config = ConfigDict(extra="forbid")

    options: Options = Options()
    model: str | None = Field(default=None, description="one of /v1/models; the same as before when left out")
    take: int | None = Field(
        default=None, ge=1, le=16, description="keep the music of this take, but for the sections in options.redo"
    )


def _desk(request: Request) -> Desk:
    return cast(Desk, request.app.state.desk)


AtDesk = Annotated[Desk, Depends(_desk)]

router = APIRouter(prefix="/v1", responses=responses(400, 401, 403, 404, 422))

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["video"],
                    "additionalProperties": False,
                    "properties": {
                        "video": {"type": "string", "format": "binary", "description": "the file"},
                        "model": {"type": "string", "description": "one of /v1/models; the first when left out"},
                        "options": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "description": "Options as a JSON object; each may also be a field of its own",
                        },
                    },
                },
            }
        },
    }
}


@router.post("/jobs", status_code=202, responses=responses(408, 413, 415, 429, 507), openapi_extra=_FORM)
async def send(request: Request, response: Response, desk: AtDesk) -> JobView:
    """Bring a video; its music is made as soon as the jobs before it are done."""
    client, length = _client(request), request.headers.get("content-length")
    # the place comes first: a full server does not read the video
    with desk.admission.place(client, int(length) if length else None) as most_bytes, desk.storage.incoming() as video:
        form = await receive(request.stream(), request.headers.get("content-type", ""), video, most_bytes)
        options, model = _options(form.fields), _model(desk, form.fields.get("model"))
        info = await _check(desk, video, options)
        job = _new_job(desk, video, info, options, client=client, name=_shown(form.file_name or ""), model=model)
        return await _add(desk, job, response)


@router.post("/jobs/{job_id}/again", status_code=202, responses=responses(429, 507))
async def again(request: Request, response: Response, desk: AtDesk, job_id: JobId, body: Again) -> JobView:
    """Make music for the same video with other options, as a job of its own."""
    parent = desk.job(job_id)
    client, model = _client(request), _model(desk, body.model or parent.model)
    tokens = None if body.take is None else _take_file(desk, _done(desk, parent.id), f"take-{body.take}.npz")
    with desk.admission.place(client, parent.bytes):
        kept = {"name": parent.name, "parent": parent.id, "take": body.take}
        job = _new_job(desk, desk.storage.video(parent.id), parent, body.options, client=client, model=model, **kept)
        if tokens is not None:
            os.link(tokens, desk.storage.given(job.id))
        return await _add(desk, job, response)


@router.get("/jobs/{job_id}")
def see(desk: AtDesk, job_id: JobId) -> JobView:
    """How a job is doing."""
    return desk.viewer.view(desk.job(job_id))


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses=responses(429) | {200: {"content": {"text/event-stream": {}}, "description": "events named job"}},
)
async def follow(desk: AtDesk, job_id: JobId) -> EventSourceResponse:
    """The job, now and at each change, as server-sent events; the stream ends with the job."""
    desk.job(job_id)
    with desk.watch.listener():  # refused here, while the answer can still say so
        pass
    return EventSourceResponse(_events(desk, job_id), headers={"X-Accel-Buffering": "no"}, send_timeout=30)


async def _events(desk: Desk, job_id: str) -> AsyncIterator[ServerSentEvent]:
    async for view in desk.watch.changes(job_id):
        if view is None:
            yield ServerSentEvent(event="gone", data="{}")
        else:
            yield ServerSentEvent(event="job", data=view.model_dump_json(), retry=2000)


@router.post("/jobs/{job_id}/cancel", responses=responses(409))
def cancel(desk: AtDesk, job_id: JobId) -> JobView:
    """End a job that waits or runs; it stays visible."""
    if not desk.queue.cancel(job_id):
        state = desk.job(job_id).state
        raise Problem(409, "ended", f"the job is {state} already: there is nothing to cancel")
    return desk.viewer.view(desk.job(job_id))


@router.delete("/jobs/{job_id}", status_code=204)
def delete(desk: AtDesk, job_id: JobId) -> None:
    """End a job if it runs, and remove it with all of its files."""
    if not desk.queue.delete(job_id):
        raise _gone()
    desk.storage.remove(job_id)


@router.get("/jobs/{job_id}/result", response_class=FileResponse, responses=_FILE | responses(409))
def result(desk: AtDesk, job_id: JobId) -> FileResponse:
    """The best take: the video with its music."""
    job = _done(desk, job_id)
    return _file(desk, job, f"take-1.{_ending(job)}", "music")


@router.get("/jobs/{job_id}/takes/{number}.{kind}", response_class=FileResponse, responses=_FILE | responses(409))
def take(
    desk: AtDesk,
    job_id: JobId,
    number: Annotated[int, Path(ge=1, le=16)],
    kind: Annotated[str, Path(pattern=r"^(mix\.)?[a-z0-9]{3,4}$")],
) -> FileResponse:
    """A take's video (in the job's container), its music alone (wav) or its record (json)."""
    return _file(desk, _done(desk, job_id), f"take-{number}.{kind}", f"take-{number}")


@router.get("/jobs/{job_id}/video", response_class=FileResponse, responses=_FILE)
def video(desk: AtDesk, job_id: JobId) -> FileResponse:
    """The video as it was sent."""
    desk.job(job_id)
    return FileResponse(desk.storage.video(job_id), media_type="video/mp4")


@router.get("/jobs/{job_id}/analysis", responses=responses(409))
def analysis(desk: AtDesk, job_id: JobId) -> Analysis:
    """What was seen in the video and is heard in the takes, on one clock."""
    job = desk.job(job_id)
    if not desk.storage.analysis(job_id).is_file():
        raise Problem(409, "not-done", f"the job is {job.state}: its video has not been looked at yet")
    return read_analysis(desk.storage.analysis(job_id))


@router.get("/models")
def models(desk: AtDesk) -> list[ModelView]:
    """The models that jobs can name; the first is the default."""
    held = {model["name"]: model for described in desk.queue.workers().values() for model in described}
    return [ModelView(**held[name]) for name in desk.model_names if name in held]


def _new_job(desk: Desk, video: FilePath, info: Measured | Job, options: Options, **fields: Any) -> Job:
    return Job(
        id=desk.storage.keep(video),
        options=options.model_dump(mode="json", exclude_unset=True),
        duration_s=info.duration_s,
        width=info.width,
        height=info.height,
        bytes=video.stat().st_size,
        **fields,
    )


@router.get("/bounds")
async def bounds(desk: AtDesk) -> Bounds:
    """What this server takes, and how long it keeps it."""
    names = ("megabytes", "seconds", "queue", "per_client", "job_minutes", "keep_hours")
    return Bounds(models=desk.model_names, **{name: getattr(desk.config, name) for name in names})


async def _add(desk: Desk, job: Job, response: Response) -> JobView:
    added = await asyncio.to_thread(desk.queue.add, job)
    response.headers["Location"] = f"/v1/jobs/{added.id}"
    return await asyncio.to_thread(desk.viewer.view, added)


async def _check(desk: Desk, video: FilePath, options: Options) -> Measured:
    """Measure a video, and see whether its container can carry it.

    Raises:
        Problem: 413, 415 or 422.
    """
    out = video.with_name(f"take.{options.container}")
    try:
        async with desk.checks:
            info = await asyncio.to_thread(measure, video, desk.config.limits)
            if out.suffix in CONTAINERS:
                await asyncio.to_thread(check_output, video, out, desk.config.limits)
    except MediaError as error:
        detail = str(error).replace(str(video), "the video").replace(str(out), "the result")
        raise Problem(_STATUS.get(error.reason, 422), f"video-{error.reason}".replace("_", "-"), detail) from error
    return info


def _options(fields: dict[str, str]) -> Options:
    try:
        return Options.of(options_of(fields))
    except ValueError as error:
        raise Problem(422, "options", str(error)) from error


def _model(desk: Desk, name: str | None) -> str:
    if name is not None and name not in desk.model_names:
        raise Problem(422, "model", f"model {name[:80]!r} is not served here: choose of {', '.join(desk.model_names)}")
    return name or desk.model_names[0]


def _done(desk: Desk, job_id: str) -> Job:
    job = desk.job(job_id)
    if job.state is not State.DONE:
        why = (f": {job.reason}" if job.reason else "") if job.state.ended else " yet: follow its events"
        raise Problem(409, "not-done", f"the job is {job.state}, so there is no result{why}")
    return job


def _take_file(desk: Desk, job: Job, name: str) -> FilePath:
    path = desk.storage.takes(job.id) / name
    if not path.is_file():
        raise Problem(404, "no-file", f"the job has no {name}: its takes list their files")
    return path


def _file(desk: Desk, job: Job, name: str, label: str) -> FileResponse:
    path = _take_file(desk, job, name)
    return FileResponse(path, filename=f"{FilePath(job.name).stem or 'video'}-{label}{path.suffix}")


def _ending(job: Job) -> str:
    container = Options(**job.options).container
    return f"mix.{container}" if f".{container}" not in CONTAINERS else container


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _shown(name: str) -> str:
    """A client's file name without its folders and control characters."""
    return printable(name.replace("\\", "/").rpartition("/")[2].replace("\0", ""))[:_NAME_LENGTH] or "video"


def _gone() -> Problem:
    return Problem(404, "no-job", "there is no such job: it was deleted, or kept as long as this server keeps jobs")
