"""Serves until it is told to stop."""

import socket
from pathlib import Path

import uvicorn

from vmas_pipeline.registry import check_address
from vmas_pipeline.server.app import create_app
from vmas_pipeline.server.config import ServerConfig

_CONNECTIONS = 1000
"""Beyond these, uvicorn answers 503 at once."""

_GRACE_S = 5
"""How long requests may take to end once the server is told to stop."""


def serve(config: ServerConfig) -> None:
    """Listen, and return when the server is told to stop (Ctrl-C, SIGTERM).

    Raises:
        ValueError: a model that is not there, or a port that is taken.
    """
    for model in config.models:  # what can be seen without loading anything
        if model.startswith("models:"):
            check_address(model)
        elif not (Path(model) / "config.json").is_file():
            raise ValueError(f"--model {model} is no model folder: give one that training wrote, or an address")
    reasons: list[str] = []

    def give_up(reason: str) -> None:
        reasons.append(reason)
        server.should_exit = True

    listening = _listen(config)
    server = _Server(
        uvicorn.Config(
            create_app(config, give_up),
            log_level="warning",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
        )
    )
    server.address = _address(config, listening)
    server.run(sockets=[listening])
    if reasons:
        raise ValueError(reasons[0])


class _Server(uvicorn.Server):
    """Says where it can be reached once it can."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"page {self.address}/  API {self.address}/v1  (Ctrl-C ends it)", flush=True)


def _listen(config: ServerConfig) -> socket.socket:
    """Bound before anything is started, so that a port that is taken costs nothing."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        listening.close()
        raise ValueError(
            f"--host {config.host} --port {config.port}: {error.strerror or error}; give another --port, or 0 for any"
        ) from error
    listening.set_inheritable(False)
    return listening


def _address(config: ServerConfig, listening: socket.socket) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listening.getsockname()[1]}"
