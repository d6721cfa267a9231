"""The web application: API, page, health and metrics in one process that never imports torch."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from vmas_pipeline import __version__
from vmas_pipeline.media import MediaError, probe
from vmas_pipeline.server import problems, security
from vmas_pipeline.server.admission import Admission
from vmas_pipeline.server.api import Desk, router
from vmas_pipeline.server.config import ServerConfig
from vmas_pipeline.server.jobs import JobQueue
from vmas_pipeline.server.metrics import QueueCollector, Requests
from vmas_pipeline.server.problems import Problem
from vmas_pipeline.server.storage import Storage
from vmas_pipeline.server.supervisor import TICK_S, Supervisor
from vmas_pipeline.server.views import Viewer
from vmas_pipeline.server.watch import Watch

PAGE = Path(__file__).with_name("page")

_SESSION_S = 30 * 24 * 3600


class Health(BaseModel):
    """Whether the server can do its work."""

    status: str
    version: str
    workers: int
    models: list[str]


class Login(BaseModel):
    """What the page sends once."""

    token: str


def create_app(config: ServerConfig, give_up: Callable[[str], None] = sys.exit) -> FastAPI:
    """The application with its workers, which live as long as it does.

    Args:
        config: what it was started with.
        give_up: called with the reason when no worker can begin.
    """
    storage = Storage(config.folder)
    queue = JobQueue(storage.queue)
    viewer = Viewer(queue, storage)
    watch = Watch(viewer, config.streams)
    supervisor = Supervisor(config, queue, storage)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(watch.run()), asyncio.create_task(_supervise(supervisor, give_up))]
        tasks.append(asyncio.create_task(asyncio.to_thread(_start_reader)))
        yield
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await asyncio.to_thread(supervisor.stop)

    app = FastAPI(
        title="vmas-pipeline",
        summary="Music for video.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.desk = Desk(
        config=config,
        queue=queue,
        storage=storage,
        viewer=viewer,
        watch=watch,
        admission=Admission(config, queue, storage),
    )
    app.include_router(router)
    problems.install(app)
    _add_health(app, config, queue)
    _add_session(app, config)
    _add_metrics(app, queue)
    _add_page(app)
    app.add_middleware(security.Guard, token=config.token)
    app.add_middleware(Requests, registry=app.state.registry)
    return app


async def _supervise(supervisor: Supervisor, give_up: Callable[[str], None]) -> None:
    while True:
        try:
            await asyncio.to_thread(supervisor.tick)
        except ValueError as error:
            give_up(str(error))
            return
        except (OSError, sqlite3.OperationalError) as error:  # a full disk: the next look may find room again
            print(f"the queue cannot be looked after: {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(TICK_S)


def _start_reader() -> None:
    """The process in which videos are opened starts now, not with the first upload."""
    with suppress(MediaError, OSError):
        probe(os.devnull)


def _add_health(app: FastAPI, config: ServerConfig, queue: JobQueue) -> None:
    def state() -> Health:
        workers = queue.workers()
        names = {model["name"] for models in workers.values() for model in models}
        return Health(status="ok", version=__version__, workers=len(workers), models=sorted(names))

    @app.get("/health", responses=problems.responses(503))
    async def health() -> Health:
        """200 when uploads are taken: the queue can be reached, and a worker lives, be it still loading its model."""
        seen = await asyncio.to_thread(state)
        if not seen.workers:
            raise Problem(503, "no-worker", "no worker lives: jobs would wait; the server's log says why", 5)
        return seen

    @app.get("/ready", responses=problems.responses(503))
    async def ready() -> Health:
        """200 when every model is held by a worker: a job that comes now is begun at once or waits for others only."""
        seen = await asyncio.to_thread(state)
        missing = set(app.state.desk.model_names) - set(seen.models)
        if missing:
            raise Problem(503, "loading", f"{', '.join(sorted(missing))} is still being loaded", 2)
        return seen


def _add_session(app: FastAPI, config: ServerConfig) -> None:
    @app.get("/v1/session")
    async def session(request: Request) -> dict[str, bool]:
        """Whether the page must ask for the token first."""
        return {"open": config.token is None or security.presents(request, config.token)}

    @app.post("/v1/session", status_code=204, responses=problems.responses(401))
    async def login(request: Request, response: Response, body: Login) -> None:
        """Take the token for a cookie, which videos and event streams of the page carry along."""
        if config.token is None:
            return
        if not security.same(body.token, config.token):
            await asyncio.sleep(1)  # guessing takes its time
            raise Problem(
                401, "token", "this is not the server's token: it is in VMAS_TOKEN where the server was started"
            )
        response.set_cookie(
            security.COOKIE,
            security.session(config.token),
            max_age=_SESSION_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )


def _add_metrics(app: FastAPI, queue: JobQueue) -> None:
    registry = app.state.registry = CollectorRegistry()
    registry.register(QueueCollector(queue))

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    html = (PAGE / "index.html").read_text()

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(
            html.replace("NONCE", request.scope["state"]["nonce"]), headers={"Cache-Control": "no-cache"}
        )

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
