"""The registered model as MLflow serves it: the bytes of a video in, the bytes of an mp4 with music out.

MLflow runs this file when it loads the model ("models from code"); the package comes with the model.
"""

import base64
import binascii
import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator


class VideoRequest(BaseModel):
    """A video to write music for."""

    model_config = ConfigDict(extra="forbid")

    video_b64: str
    """The bytes of the file, in base64; a path or an address is not taken."""
    seed: int | None = None
    """0 when left out."""
    seconds: float | None = None
    """Music for the start of the video only."""


class VideoResponse(BaseModel):
    """The video with its music."""

    video_b64: str
    """The bytes of an mp4 in base64: the picture stream as it came, the music as AAC."""
    sample_rate: int
    """Of the music."""


class RequestError(MlflowException):
    """A request that cannot be met. MLflow's own answer would repeat the whole request in the message."""

    def __init__(self, reason: str):
        super().__init__(reason, error_code=INVALID_PARAMETER_VALUE)
        self.reason = reason

    def serialize_as_json(self) -> str:
        return json.dumps({"error_code": self.error_code, "message": self.reason})


class VMAsService(PythonModel):
    """Answers requests one after another: the server predicts in several threads, the device is one."""

    generator: "Generator"

    def load_context(self, context: PythonModelContext) -> None:
        from vmas_pipeline.generator import Generator
        from vmas_pipeline.serving.loading import ARTIFACT

        self.generator = Generator.load(context.artifacts[ARTIFACT])
        self.megabytes = float(context.model_config["max_video_megabytes"])
        self.device = threading.Lock()

    def predict(  # type: ignore[override]  # MLflow makes the signature of these types, without a context
        self, model_input: list[VideoRequest], params: dict[str, Any] | None = None
    ) -> list[VideoResponse]:
        """Write music for each video.

        Raises:
            RequestError: a video that is too large, no video, or none that an mp4 can carry.
        """
        return [self._answer(request) for request in model_input]

    def _answer(self, request: VideoRequest) -> VideoResponse:
        from vmas_pipeline.media import MediaError, replace_audio

        video = self._decode(request.video_b64)
        with tempfile.TemporaryDirectory(prefix="vmas-") as folder:
            path, out = Path(folder) / "video", Path(folder) / "music.mp4"
            path.write_bytes(video)
            try:
                with self.device:
                    music = self.generator.generate(path, seed=request.seed or 0, seconds=request.seconds)
                replace_audio(path, music.waveform, music.sample_rate, out)
            except MediaError as error:
                unfit = "an mp4 cannot carry the codec of this picture: convert it to H.264 first"
                raise RequestError(unfit if error.reason == "codec" else _anonymous(error, path)) from error
            except ValueError as error:
                raise RequestError(_anonymous(error, path)) from error
            answer = base64.b64encode(out.read_bytes()).decode()
        return VideoResponse(video_b64=answer, sample_rate=music.sample_rate)

    def _decode(self, video_b64: str) -> bytes:
        if len(video_b64) * 3 / 4 > self.megabytes * 1e6:
            raise RequestError(
                f"the video ({len(video_b64) * 3 / 4e6:.1f} MB) is larger than {self.megabytes:g} MB: send less, or "
                "register with a larger registration.max_video_megabytes"
            )
        try:
            return base64.b64decode(video_b64, validate=True)
        except binascii.Error as error:
            raise RequestError(f"video_b64 is not base64: {error}") from error


def _anonymous(error: ValueError, path: Path) -> str:
    return str(error).replace(str(path), "the video")


mlflow.models.set_model(VMAsService())
