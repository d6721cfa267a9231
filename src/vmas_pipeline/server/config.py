"""What `vmas serve` was started with."""

import ipaddress
import os
from pathlib import Path

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.media import Limits

TOKEN_VARIABLE = "VMAS_TOKEN"

MEGABYTE, GIGABYTE = 10**6, 10**9


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ServerConfig:
    """Models, addresses and bounds."""

    folder: Path
    """Holds the queue and the jobs' files; servers that are given the same one share the work."""
    models: tuple[str, ...] = Field(default=("models:/vmas@champion",), min_length=1)
    """Registry addresses or model folders; a client chooses among them by `public_name`, the first is the default."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    workers: int = Field(default=1, ge=0)
    """Processes that make music; 0 leaves the work to other servers on the same folder."""
    token: str | None = Field(default=None, repr=False)
    """What clients must present; required unless the host is this machine itself."""
    megabytes: float = Field(default=500.0, gt=0)
    """Largest upload."""
    seconds: float = Field(default=1200.0, gt=0)
    """Longest video."""
    queue: int = Field(default=20, ge=1)
    """Jobs that may wait at a time."""
    per_client: int = Field(default=4, ge=1)
    """Jobs that one client may have waiting, running and uploading at a time."""
    streams: int = Field(default=200, ge=1)
    """Event streams that may be open at a time."""
    disk_gigabytes: float = Field(default=20.0, gt=0)
    """What all jobs may take on the disk."""
    keep_hours: float = Field(default=72.0, gt=0)
    """Jobs are deleted this long after they ended."""
    job_minutes: float = Field(default=60.0, gt=0)
    """A job that takes longer fails."""

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < 16:
            raise ValueError("the token is shorter than 16 characters: make one with `openssl rand -hex 16`")
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"--host {self.host} can be reached from other machines: set {TOKEN_VARIABLE} first "
                f"(`export {TOKEN_VARIABLE}=$(openssl rand -hex 16)`), or stay on 127.0.0.1"
            )
        names = [public_name(model) for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"--model names {', '.join(sorted(names))}: each must be another model")

    @property
    def limits(self) -> Limits:
        """Of the videos that are uploaded."""
        return Limits(duration_s=self.seconds, gigabytes=max(self.megabytes, 0.001) / 1000, timeout_s=120.0)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def public_name(model: str) -> str:
    """What clients call a model: `vmas@champion` or `vmas/3` of the registry, or a folder's name; never a path."""
    return model.removeprefix("models:/") if model.startswith("models:") else Path(os.path.abspath(model)).name  # noqa: PTH100
