"""A multipart form that goes to the disk while it arrives, bounded in size and time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from vmas_pipeline.production.options import Options, parse_option
from vmas_pipeline.server.problems import Problem

_FIELD_BYTES = 64 * 1024
"""All fields but the video."""

_FIELDS = 64

_SILENCE_S = 30.0
"""A client that sends nothing for so long is given up."""

_LEAST_BYTES_PER_S = 1000.0
"""And so is one that sends more slowly than this after `_PATIENCE_S`."""
_PATIENCE_S = 60.0

_WRITTEN_AT_ONCE = 1 << 20


class Form:
    """Collects the parts of a form: the field `video` goes to a file, the others stay in memory."""

    def __init__(self, content_type: str, video: IO[bytes], most_bytes: float) -> None:
        """Reads the header.

        Raises:
            Problem: 415 for another type; 400 without a boundary.
        """
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise Problem(
                415, "form", f"send multipart/form-data with the file in the field video, not {kind.decode()}"
            )
        if not 0 < len(options.get(b"boundary", b"")) <= 70:
            raise Problem(400, "form", "the Content-Type lacks a boundary of 1 to 70 characters")
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.complete = False
        self._video, self._most, self._video_bytes, self._field_bytes = video, most_bytes, 0, 0
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self._close,
                "on_end": self._finish,
            },
        )

    def write(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            Problem: 400 for what is no form, 413 above the limits.
        """
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise Problem(400, "form", f"the body is not multipart/form-data ({error})") from error

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_name, self._header_value, self._value = bytearray(), bytearray(), bytearray()

    def _end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_video = self._name == "video"
        if self._name in self.fields or (self._is_video and self.file_name is not None):
            raise Problem(422, "form", f"the field {_shown(self._name)} was sent twice: send one")
        if len(self.fields) >= _FIELDS:
            raise Problem(422, "form", f"the form has more than {_FIELDS} fields")
        if self._is_video:
            if b"filename" not in options:
                raise Problem(422, "form", "video must be a file: with curl, -F video=@FILE")
            self.file_name = options[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_video:
            self._video_bytes += end - start
            if self._video_bytes > self._most:
                raise too_large(self._most)
            self._video.write(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > _FIELD_BYTES:
            raise Problem(413, "too-large", f"the fields beside video are larger than {_FIELD_BYTES} bytes")
        self._value.extend(data[start:end])

    def _close(self) -> None:
        if not self._is_video:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.complete = True


async def receive(stream: AsyncIterator[bytes], content_type: str, path: Path, most_bytes: float) -> Form:
    """Write the video of a request to a file.

    Args:
        stream: the body.
        content_type: its header.
        path: the file to write.
        most_bytes: largest video.

    Raises:
        Problem: 400, 408, 413, 415 or 422; the file may be there in part.
    """
    loop = asyncio.get_running_loop()
    started_s, arrived, waiting = loop.time(), 0, bytearray()
    with path.open("wb") as video:
        form = Form(content_type, video, most_bytes)
        try:
            while (chunk := await asyncio.wait_for(anext(stream, None), _SILENCE_S)) is not None:
                arrived += len(chunk)
                waiting += chunk
                _check_upload_rate(arrived, loop.time() - started_s)
                if len(waiting) >= _WRITTEN_AT_ONCE:
                    await asyncio.to_thread(form.write, bytes(waiting))
                    waiting.clear()
        except TimeoutError:
            raise Problem(408, "slow", f"nothing arrived for {_SILENCE_S:.0f} s: send the video again") from None
        except ClientDisconnect:
            raise Problem(400, "cut", "the connection ended before the video did: send it again") from None
        await asyncio.to_thread(form.write, bytes(waiting))
    if not form.complete:
        raise Problem(400, "cut", "the form ends before its last boundary: send the video again")
    if form.file_name is None:
        raise Problem(422, "form", "the form has no field video: send the file in it")
    return form


def too_large(most_bytes: float) -> Problem:
    """The refusal of a video above the limit."""
    return Problem(
        413, "too-large", f"the video is larger than {most_bytes / 1e6:g} MB: send less, or a smaller picture"
    )


def options_of(fields: dict[str, str]) -> dict[str, Any]:
    """The options of a form: the JSON object in `options`, and every other field but `model` as one of its own.

    Raises:
        Problem: 422 when `options` is not an object.
    """
    try:
        options = json.loads(fields.get("options") or "{}")
    except (json.JSONDecodeError, RecursionError) as error:
        raise Problem(422, "options", f"options is not JSON ({error})") from error
    if not isinstance(options, dict):
        raise Problem(422, "options", 'options must be a JSON object such as {"seed": 7}')
    single = {name: value for name, value in fields.items() if name not in ("options", "model")}
    twice = single.keys() & options.keys()
    if twice:
        raise Problem(422, "options", f"{', '.join(sorted(map(_shown, twice)))}: given in options and as a field")
    try:
        known = {name: parse_option(name, text) for name, text in single.items() if name in Options.model_fields}
    except ValueError as error:
        raise Problem(422, "options", str(error)) from error
    return options | single | known


def _shown(text: str) -> str:
    return repr(text[:40])


def _check_upload_rate(arrived: int, elapsed_s: float) -> None:
    if elapsed_s > _PATIENCE_S and arrived < _LEAST_BYTES_PER_S * elapsed_s:
        raise Problem(408, "slow", f"less than {_LEAST_BYTES_PER_S / 1000:g} kB/s arrived: send it over a faster line")
