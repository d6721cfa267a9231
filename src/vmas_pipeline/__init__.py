"""Music for video: VMAs as a reproducible pipeline, from a folder of music videos to a served model."""

import os
from typing import TYPE_CHECKING

from vmas_pipeline.versioning import VERSION as __version__

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator

# Waiting threads sleep. By default they spin, and when other work shares the cores a step on two threads then takes
# twenty times as long (docs/benchmarks.md). The variable is read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["__version__", "load_model"]


def load_model(model: str, int8: bool = False) -> "Generator":
    """Load a trained model, ready to generate music.

    Args:
        model: An address in the model registry ("models:/vmas@champion") or a model folder.
        int8: Generate on the CPU with 8-bit weights: faster, with slightly different results (docs/benchmarks.md).

    Raises:
        ValueError: There is no such model; the message says what to run first.
    """
    from vmas_pipeline.serving import load_model as load

    return load(model, int8)
