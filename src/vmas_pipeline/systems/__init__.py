"""Systems that turn videos into music, and the folders that hold what they made.

A system is a file here and a line in `SYSTEMS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vmas_pipeline.systems.codec import CodecSystem
from vmas_pipeline.systems.interface import Embeds, System
from vmas_pipeline.systems.recorded import RecordedSystem
from vmas_pipeline.systems.vmas import VMAsSystem

SYSTEMS: dict[str, Callable[..., System]] = {
    "vmas": VMAsSystem.load,
    "codec": CodecSystem.load,
    "recorded": RecordedSystem.load,
}
"""Kind -> how one is loaded from a path and its options."""


def load_system(kind: str, source: Path, **options: Any) -> System:
    """A system from where its parts lie.

    Args:
        kind: a key of `SYSTEMS`.
        source: a model folder, a codec's folder, a folder of recordings: what the kind is made of.
        options: of the kind.

    Raises:
        ValueError: an unknown kind, or a source that does not fit it.
    """
    if kind not in SYSTEMS:
        raise ValueError(f"system {kind} is unknown: choose one of {', '.join(SYSTEMS)}")
    return SYSTEMS[kind](source, **options)


__all__ = ["SYSTEMS", "Embeds", "System", "load_system"]
