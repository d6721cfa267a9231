"""The models that a worker holds, each the version that its alias points to."""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.registry import version_of
from vmas_pipeline.server.config import public_name

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator

_LOOKED_EVERY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Held:
    """A loaded model."""

    address: str
    version: str | None  # None: a folder
    generator: "Generator"

    @property
    def name(self) -> str:
        return public_name(self.address)

    @property
    def exact_address(self) -> str:
        """Of this very version: aliases move."""
        return self.address if self.version is None else _exact(self.address, self.version)

    def describe(self) -> dict[str, Any]:
        """What clients may know."""
        from vmas_pipeline.production.record import licences

        clip, data = self.generator.clip, licences(self.generator)["training_data"]
        return {
            "name": self.name,
            "version": self.version,
            "data_licences": list(data) if isinstance(data, dict) else [],
            "window_s": clip.duration_s,
            "sample_rate": clip.sample_rate,
        }


class Models:
    """Loads models by their addresses, and again where an alias moved."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        """Loads all.

        Raises:
            ValueError: there is no such model; the message says what to do.
        """
        self._held = {(held := _load(address)).name: held for address in addresses}
        self._looked_s = time.monotonic()
        self._refused: set[tuple[str, str]] = set()

    @property
    def names(self) -> list[str]:
        return list(self._held)

    def __getitem__(self, name: str) -> Held:
        return self._held[name]

    def describe(self) -> list[dict[str, Any]]:
        """What is loaded, for clients."""
        return [held.describe() for held in self._held.values()]

    def follow(self) -> bool:
        """Replace the models whose aliases have moved; True if there are any. What cannot be loaded changes nothing."""
        if time.monotonic() - self._looked_s < _LOOKED_EVERY_S:
            return False
        self._looked_s = time.monotonic()
        moved = False
        for held in list(self._held.values()):
            if "@" not in held.address:
                continue
            try:
                version = version_of(held.address)
                if version != held.version and (held.name, version) not in self._refused:
                    self._refused.add((held.name, version))  # until it is loaded
                    self._held[held.name] = _load(held.address)
                    self._refused.discard((held.name, version))
                    moved = True
            except ValueError as error:
                print(f"{held.address} stays at version {held.version}: {error}", file=sys.stderr, flush=True)
        return moved


def _load(address: str) -> Held:
    from vmas_pipeline.serving import load_model

    if not address.startswith("models:"):
        return Held(address=address, version=None, generator=_warm(load_model(address)))
    version = version_of(address)
    generator = load_model(_exact(address, version))  # not by the alias, which may move meanwhile
    return Held(address=address, version=version, generator=_warm(generator))


def _exact(address: str, version: str) -> str:
    return f"models:/{address.removeprefix('models:/').partition('@')[0].partition('/')[0]}/{version}"


def _warm(generator: "Generator") -> "Generator":
    """Make music for a moment of grey, which loads what is imported and compiled late: no job waits for it."""
    from vmas_pipeline.media import write_video
    from vmas_pipeline.production import produce

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grey.mp4"
        write_video(path, np.full((10, 64, 64, 3), 64, np.uint8), 10.0, None, 0)
        produce(path, Path(folder) / "takes", generator)
    return generator
