"""Loads a model by its registry address or folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from vmas_pipeline.registry import model_folder

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator


def load_model(model: str | Path, int8: bool = False) -> "Generator":
    """Load a trained model.

    Args:
        model: `models:/vmas@champion`, `models:/vmas/3`, or a model folder. The registry is the one in
            MLFLOW_TRACKING_URI; otherwise mlruns/mlflow.db under VMAS_HOME; otherwise under the working directory, its
            nearest parent that has one, or the project that this package was installed from.
        int8: generate on the CPU with 8-bit weights.

    Raises:
        ValueError: there is no such model or registry, or the folder is not a model; the message says what to do.
    """
    folder = model_folder(str(model))  # first: errors are reported before torch is imported
    from vmas_pipeline.generator import Generator

    return Generator.load(folder, int8=int8)
