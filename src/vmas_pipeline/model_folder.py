"""What a model folder says of itself, without loading its weights.

A model folder contains `config.json` (format, model, clip, sampling, training), `model.safetensors` and `codec/`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.media import ClipSpec
from vmas_pipeline.model.config import VMAsConfig, config_from_dict

FORMAT = 1
"""Version of the model folder's layout; incremented when an older reader would misread the folder."""


class ModelFolderError(ValueError):
    """A folder that is not a complete model of this version; the message says what is wrong."""


def model_config(folder: Path) -> VMAsConfig:
    """The sizes of the model in a folder.

    Raises:
        ModelFolderError: there is no model of this version.
    """
    try:
        return config_from_dict(read_config(folder)["model"])
    except ValueError as error:
        raise ModelFolderError(f"{folder} does not fit this version: {error}") from error


def clip_of_model(folder: Path) -> ClipSpec:
    """The clips that the model in a folder was built for.

    Raises:
        ModelFolderError: there is no model of this version.
    """
    try:
        return TypeAdapter(ClipSpec).validate_python(read_config(folder)["clip"])
    except ValidationError as error:
        raise ModelFolderError(f"{folder}/config.json does not fit this version: {one_line(error)}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json, of a complete folder of this version.

    Raises:
        ModelFolderError: it is not one.
    """
    if not folder.is_dir():
        raise ModelFolderError(f"{folder} is not a folder: give a model folder, as training writes it")
    for name in ("config.json", "model.safetensors", "codec"):
        if not (folder / name).exists():
            raise ModelFolderError(f"{folder} has no {name}: it is no model folder, or an incomplete one")
    try:
        config = json.loads((folder / "config.json").read_text())
    except json.JSONDecodeError as error:
        raise ModelFolderError(f"{folder}/config.json is not JSON: {error}") from error
    if config.get("format") != FORMAT:
        raise ModelFolderError(
            f"{folder} has format {config.get('format')}, this version reads {FORMAT}: train again, or use the version "
            "that wrote it"
        )
    keys = {"format", "model", "clip", "sampling", "training"}
    if set(config) != keys:
        wrong = ", ".join(sorted(set(config) ^ keys))
        raise ModelFolderError(f"{folder}/config.json has missing or unknown keys: {wrong}")
    return config


def one_line(error: ValidationError) -> str:
    """What pydantic found wrong, key by key."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
