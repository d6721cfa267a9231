"""`vmas serve`: the page and the API."""

import argparse
import os
from pathlib import Path
from typing import Any

from vmas_pipeline.command import numbers

DESCRIPTION = """\
Serve a page on which videos are dropped and come back with music, and an HTTP API that does the same.

  http://127.0.0.1:8000/               the page
  http://127.0.0.1:8000/openapi.json   the API, described; its paths begin with /v1
  curl -F video=@clip.mp4 -F seed=7 http://127.0.0.1:8000/v1/jobs

Jobs wait in a queue in FOLDER and are made by worker processes. Nothing is lost when the server is stopped or killed:
started again on the same folder, it goes on. Several servers may be given one folder. The server answers this machine
only, unless --host says otherwise; then clients must present the token in VMAS_TOKEN (Authorization: Bearer TOKEN).
More: docs/serving.md.
"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve", help="a page and an API that put music to videos", description=DESCRIPTION
    )
    parser.set_defaults(run=_serve)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=numbers.whole, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        dest="models",
        metavar="MODEL",
        help="an address in the model registry or a model folder; give it again for a choice of models, the first is "
        "the default; an alias is followed when it moves (default: models:/vmas@champion)",
    )
    parser.add_argument(
        "--folder", type=Path, help="where the queue and the jobs' files are (default: data/09_jobs of the project)"
    )
    parser.add_argument("--workers", type=numbers.whole, help="processes that make music (default: 1)")
    parser.add_argument(
        "--token", help="what clients must present; better set VMAS_TOKEN, which no other user can read"
    )
    bounds = parser.add_argument_group("bounds", "what is beyond them is refused with a reason, or deleted")
    for name, kind, metavar, text in _BOUNDS:
        dest = name.removeprefix("max-").replace("-", "_")
        bounds.add_argument(f"--{name}", type=kind, metavar=metavar, dest=dest, help=text)


_BOUNDS = (
    ("max-megabytes", numbers.above_zero, "MB", "largest upload (default: 500)"),
    ("max-seconds", numbers.above_zero, "S", "longest video (default: 1200)"),
    ("max-queue", numbers.one_or_more, "N", "jobs that may wait (default: 20)"),
    ("per-client", numbers.one_or_more, "N", "jobs of one client at a time (default: 4)"),
    ("max-streams", numbers.one_or_more, "N", "event streams at a time (default: 200)"),
    ("job-minutes", numbers.above_zero, "MIN", "a job that takes longer fails (default: 60)"),
    ("disk-gigabytes", numbers.above_zero, "GB", "what all jobs may take on the disk (default: 20)"),
    ("keep-hours", numbers.above_zero, "H", "jobs are deleted this long after they ended (default: 72)"),
)
"""Name, kind, unit and help of each."""


def _serve(options: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from vmas_pipeline.server.config import TOKEN_VARIABLE, ServerConfig
    from vmas_pipeline.server.problems import one_line
    from vmas_pipeline.server.run import serve

    given = {name: value for name, value in vars(options).items() if name != "run" and value is not None}
    home = Path(os.environ.get("VMAS_HOME") or ".")
    defaults = {"folder": home / "data" / "09_jobs", "token": os.environ.get(TOKEN_VARIABLE) or None}
    try:
        config = ServerConfig(**defaults | given)
    except ValidationError as error:
        raise ValueError(one_line(error.errors())) from error
    try:
        serve(config)
    except KeyboardInterrupt:
        print("stopped: jobs that wait or ran go on when it is started again")
