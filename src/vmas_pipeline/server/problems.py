"""Errors as problem details (RFC 9457): a type to tell them apart, what is wrong, and the way out."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str = Field(description="urn:vmas:NAME: what went wrong, for programs")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what is wrong and the way out, for people")


class Problem(Exception):
    """An answer other than the one that was asked for."""

    def __init__(self, status: int, name: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail, self.retry_after_s = status, name, detail, retry_after_s


def answer(problem: Problem) -> JSONResponse:
    """The problem as a response."""
    details = ProblemDetails(
        type=f"urn:vmas:{problem.name}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
    )
    headers = {}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(problem.retry_after_s)))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(details.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}


def install(app: FastAPI) -> None:
    """Make every error of an app a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def one_line(errors: Any) -> str:
    """What pydantic found wrong, field by field."""
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return answer(Problem(422, "invalid", one_line(error.errors())))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    details = {404: "there is nothing here: the API's paths are in /openapi.json"}
    response = answer(Problem(error.status_code, "http", details.get(error.status_code, error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    return answer(Problem(500, "unforeseen", "the server made a mistake, which is in its log: ask again, or report it"))
