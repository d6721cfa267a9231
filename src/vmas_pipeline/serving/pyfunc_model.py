"""The registered model as served by MLflow: the bytes of a video in, the bytes of an mp4 with music out.

MLflow runs this file when it loads the model ("models from code"); the package is stored with the model.
"""

import base64
import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator
    from vmas_pipeline.media import Limits
    from vmas_pipeline.production import Options

_TIME_TO_ANSWER_S = 2.0
"""Reserved for encoding and sending the response."""


class VideoRequest(BaseModel):
    """A video to write music for."""

    model_config = ConfigDict(extra="forbid")

    video_b64: str
    """The bytes of the file, in base64; paths and URLs are not accepted."""
    seed: int | None = None
    seconds: float | None = None
    container: str | None = None
    """These three are options, too, from before there were more."""
    options: dict[str, Any] | None = None
    """Fields of `production.Options`, as for `vmas generate`; of several candidates the best is the answer."""


class VideoResponse(BaseModel):
    """The video with its music."""

    video_b64: str
    """The bytes of the file in base64: the unchanged video stream, and the sound as AAC (Opus in webm)."""
    sample_rate: int
    """Sample rate of the sound."""
    record: str
    """How the music was made, JSON; it is inside the file, too."""


class RequestError(MlflowException):
    """A request that cannot be served. MLflow's own error would repeat the whole request in the message."""

    def __init__(self, reason: str):
        super().__init__(reason, error_code=INVALID_PARAMETER_VALUE)
        self.reason = reason

    def serialize_as_json(self) -> str:
        return json.dumps({"error_code": self.error_code, "message": self.reason})


class VMAsService(PythonModel):
    """Handles requests one at a time: the server predicts in several threads, but there is one device."""

    generator: "Generator"

    def load_context(self, context: PythonModelContext) -> None:
        from vmas_pipeline.generator import Generator
        from vmas_pipeline.media import Limits
        from vmas_pipeline.production import warm_up
        from vmas_pipeline.registry import ARTIFACT
        from vmas_pipeline.serving.workplace import Workplace

        self.generator = Generator.load(context.artifacts[ARTIFACT])
        self.megabytes = float(context.model_config["max_video_megabytes"])
        self.limits = Limits(**context.model_config["limits"])
        self.workplace = Workplace()
        self.device = threading.Lock()
        warm_up(self.generator)

    def predict(  # type: ignore[override]  # MLflow infers the signature from these types, without a context
        self, model_input: list[VideoRequest], params: dict[str, Any] | None = None
    ) -> list[VideoResponse]:
        """Write music for each video.

        Raises:
            RequestError: a video that is too large or too long, input that is not a video, one that the container
                cannot carry, or more work than the server's time limit allows.
        """
        deadline_s = time.monotonic() + _time_limit_s()
        return [self._answer(request, deadline_s) for request in model_input]

    def _answer(self, request: VideoRequest, deadline_s: float) -> VideoResponse:
        from vmas_pipeline.production import produce

        options = _options(request)
        video = self._decode(request.video_b64)
        with self.workplace.folder() as folder:
            path, out = Path(folder) / "video", Path(folder) / "takes"
            path.write_bytes(video)
            try:
                with self._device(deadline_s):
                    take = produce(
                        path,
                        out,
                        self.generator,
                        options,
                        model_name="a registered model, served by MLflow",
                        progress=lambda *_: _check(deadline_s),
                        limits=self._limits(deadline_s),
                    ).takes[0]
            except ValueError as error:  # MediaError among them
                raise RequestError(_anonymous(error, path, out)) from error
            answer = base64.b64encode(take.main.read_bytes()).decode()
        rate = take.record["sound"]["sample_rate"]
        return VideoResponse(video_b64=answer, sample_rate=rate, record=json.dumps(take.record))

    def _limits(self, deadline_s: float) -> "Limits":
        _check(deadline_s)
        return replace(self.limits, timeout_s=min(self.limits.timeout_s, deadline_s - time.monotonic()))

    @contextmanager
    def _device(self, deadline_s: float) -> Iterator[None]:
        if not self.device.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise RequestError("the server was busy with other videos for as long as it may take: ask again later")
        try:
            yield
        finally:
            self.device.release()

    def _decode(self, video_b64: str) -> bytes:
        if len(video_b64) * 3 / 4 > self.megabytes * 1e6:
            raise RequestError(
                f"video_b64: the video ({len(video_b64) * 3 / 4e6:.1f} MB) is larger than {self.megabytes:g} MB: send "
                "less, or register with a larger registration.max_video_megabytes"
            )
        if video_b64.startswith("data:"):
            raise RequestError("video_b64: it is a data address: send only what follows its comma")
        try:
            return base64.b64decode(video_b64, validate=True)
        except ValueError as error:  # binascii.Error among them
            way_out = "send it in one line, without line breaks" if "\n" in video_b64 else "send base64 (RFC 4648)"
            raise RequestError(f"video_b64: it is not base64 ({error}): {way_out}") from error


def _options(request: VideoRequest) -> "Options":
    from vmas_pipeline.production import Options

    own = request.model_dump(include={"seed", "seconds", "container"}, exclude_none=True)
    try:
        return Options.of({**(request.options or {}), **own})
    except ValueError as error:
        raise RequestError(str(error)) from error


def _time_limit_s() -> float:
    """After MLflow's own limit nobody waits for the response: work stops before that and frees the device."""
    return max(1.0, MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.get() - _TIME_TO_ANSWER_S)


def _check(deadline_s: float) -> None:
    if time.monotonic() > deadline_s:
        raise RequestError(
            f"the video takes longer than the {_time_limit_s():.0f} s that a request may take: send a shorter one, ask "
            "for less by seconds, or start the server with a larger MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"
        )


def _anonymous(error: ValueError, path: Path, out: Path) -> str:
    """The message without the server's paths."""
    return str(error).replace(str(path), "the video").replace(str(out), "the answer")


def _checked(predict: Callable[..., Any]) -> Callable[..., Any]:
    """Validates the requests before MLflow does, whose messages would repeat all megabytes of the input."""

    @functools.wraps(predict)
    def checked(self: VMAsService, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return predict(self, [_request(item) for item in model_input], params)

    return checked


def _request(item: Any) -> VideoRequest:
    if isinstance(item, VideoRequest):
        return item
    if not isinstance(item, dict):
        raise RequestError(f"each of inputs must be an object with the field video_b64, not a {type(item).__name__}")
    try:
        return VideoRequest(**item)
    except ValidationError as error:
        raise RequestError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from error


VMAsService.predict = _checked(VMAsService.predict)  # type: ignore[method-assign]
mlflow.models.set_model(VMAsService())
