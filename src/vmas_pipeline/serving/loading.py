"""A model by its address in the registry, or by its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from vmas_pipeline.registry import model_folder

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator


def load_model(model: str | Path, int8: bool = False) -> "Generator":
    """Load a trained model.

    Args:
        model: `models:/vmas@champion`, `models:/vmas/3`, or a model folder. The registry is the one that
            MLFLOW_TRACKING_URI names; else mlruns/mlflow.db under VMAS_HOME; else under the working directory, the
            nearest folder above it that has one, or the project that this package was installed from.
        int8: generate on the CPU from weights of 8 bits.

    Raises:
        ValueError: there is no such model or no registry, or the folder is no model; the message says what to do.
    """
    folder = model_folder(str(model))  # first: what is wrong with it is said before torch is imported
    from vmas_pipeline.generator import Generator

    return Generator.load(folder, int8=int8)
