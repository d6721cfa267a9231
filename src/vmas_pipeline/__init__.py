"""Music for video: VMAs as a repeatable pipeline, from a folder of music videos to a served model."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator

# Threads that wait sleep. By default they spin, and where other work shares the cores a step of two threads then takes
# twenty times as long (docs/benchmarks.md). It is read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__all__ = ["__version__", "load_model"]


def load_model(model: str, int8: bool = False) -> "Generator":
    """The trained model, ready to make music.

    Args:
        model: An address in the model registry ("models:/vmas@champion") or a model folder.
        int8: Generate on the CPU from weights of 8 bits: faster, and not quite the same (docs/benchmarks.md).

    Raises:
        ValueError: There is no such model; the message says what to run first.
    """
    from vmas_pipeline.serving import load_model as load

    return load(model, int8)
