"""The study's page and its API: one process, static files of this package, no outside address."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from vmas_pipeline.study.config import CHOICES, QUESTIONS
from vmas_pipeline.study.store import MEDIA, TONES, Progress, Refused, Store, UnknownRater

PAGE = Path(__file__).with_name("page")
LARGEST_BODY = 4096

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ToneCount(_Body):
    """How many tones a rater counted."""

    tones: int = Field(ge=0, le=100)


class Answers(_Body):
    """A rater's answers to the trial shown."""

    trial: int = Field(ge=1)
    choices: dict[str, Literal["left", "neither", "right"]] = Field(max_length=len(QUESTIONS))


def _token(authorization: Annotated[str, Header(max_length=200)] = "") -> str | None:
    """A rater's token; it comes in a header, and in links behind the #, so that no log of addresses holds it."""
    return authorization.removeprefix("Bearer ") or None


def _known(token: Annotated[str | None, Depends(_token)]) -> str:
    if token is None:
        raise UnknownRater("this needs a rater's link")
    return token


Known = Annotated[str, Depends(_known)]


def make_app(store: Store, *, invited_only: bool = False, most_raters: int = 1000) -> FastAPI:
    """The application.

    Args:
        store: of the study.
        invited_only: whether only links made by `Store.invite` can begin.
        most_raters: how many may begin.
    """
    app = FastAPI(title="VMAs listening study", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guard)
    app.exception_handler(UnknownRater)(_refusal(401))
    app.exception_handler(Refused)(_refusal(409))
    _add_page(app, store)
    _add_api(app, store, invited_only, most_raters)
    return app


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse large bodies, and add the headers."""
    length = request.headers.get("content-length", "0" if request.method in ("GET", "HEAD", "DELETE") else "")
    if not length.isdecimal() or int(length) > LARGEST_BODY or "transfer-encoding" in request.headers:
        response: Response = JSONResponse({"detail": f"a body has at most {LARGEST_BODY} bytes"}, 413)
    else:
        response = await call_next(request)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _refusal(status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: JSONResponse({"detail": str(error)}, status)


def _add_page(app: FastAPI, store: Store) -> None:
    media = {f"{name}.mp4" for item in store.items.values() for name in (item.first_media, item.second_media)}
    media |= {f"tones-{count}.flac" for count in TONES}

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/page/{name}")
    def part(name: Literal["study.css", "study.js"]) -> FileResponse:
        return FileResponse(PAGE / name)

    @app.get("/media/{name}")
    def excerpt(name: str) -> FileResponse:
        if name not in media:
            raise HTTPException(404, "no such file")
        return FileResponse(store.folder / MEDIA / name, headers={"Cache-Control": "private, max-age=86400"})

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ready"}


def _add_api(app: FastAPI, store: Store, invited_only: bool, most_raters: int) -> None:
    @app.get("/v1/study")
    def study() -> dict[str, Any]:
        config = store.config
        return {
            "title": config.title,
            "about": config.about,
            "trials": config.per_rater + config.checks,
            "seconds": 2 * store.about["duration_s"],
            "open": not invited_only,
            "questions": QUESTIONS,
            "choices": CHOICES,
            "tones": TONES,
        }

    @app.post("/v1/raters", status_code=201)
    def start(token: Annotated[str | None, Depends(_token)]) -> dict[str, str]:
        if token is None and invited_only:
            raise HTTPException(403, "this study is by invitation: use the link that you were sent")
        if token is None and store.raters() >= most_raters:
            raise HTTPException(403, "this study has all the raters it needs: thank you")
        return {"token": store.start(token)}

    @app.get("/v1/progress")
    def progress(token: Known) -> Progress:
        return store.progress(token)

    @app.post("/v1/sound")
    def sound(token: Known, counted: ToneCount) -> dict[str, bool]:
        return {"right": store.check_tones(token, counted.tones)}

    @app.post("/v1/answers")
    def answer(token: Known, answers: Answers) -> Progress:
        store.answer(token, answers.trial, answers.choices)
        return store.progress(token)

    @app.delete("/v1/raters", status_code=204)
    def forget(token: Known) -> None:
        store.forget(token)
