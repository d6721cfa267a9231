"""What a take was made by: the record that goes beside it, and into its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from vmas_pipeline.generator import Generator
from vmas_pipeline.media import COMMENTS, read_tags
from vmas_pipeline.production.options import Options
from vmas_pipeline.registry import LICENCES
from vmas_pipeline.versioning import VERSION, content_hash

FORMAT = "vmas-record/1"


def origin(generator: Generator, model_name: str, options: Options) -> dict[str, Any]:
    """What all takes of a production share: software, model with its licences, options. JSON."""
    return {
        "format": FORMAT,
        "made_by": f"vmas-pipeline {VERSION}",
        "digital_source_type": "trainedAlgorithmicMedia",
        "model": {
            "name": model_name,
            "revision": revision(generator),
            "training_run": generator.training.get("run_id"),
            "int8": generator.int8 is not None,
        },
        "licences": licences(generator),
        "options": options.model_dump(mode="json"),
        "sampling": asdict(generator.sampling),
    }


def revision(generator: Generator) -> str | None:
    """Names the weights and settings by their content; None for a model that was not read from a folder."""
    return _revision(generator.folder) if generator.folder else None


@cache
def _revision(folder: Path) -> str:
    return content_hash(folder)


def licences(generator: Generator) -> dict[str, Any]:
    """Licences of the code and of the data that the model learned from, with the number of clips under each.

    Registration writes them beside the model folder; a folder of its own says nothing of its data.
    """
    file = generator.folder.parent / LICENCES if generator.folder else None
    data = (
        json.loads(file.read_text()) if file and file.is_file() else "unknown: the model was not registered with them"
    )
    return {"code": "MIT", "training_data": data}


def to_tag(record: Mapping[str, Any]) -> str:
    """The record as the text of a tag."""
    return json.dumps(record, separators=(",", ":"), sort_keys=True)


def read_record(path: Path) -> dict[str, Any] | None:
    """The record inside a file that was made here; None where there is none.

    Raises:
        MediaError: the file cannot be read.
    """
    tags = read_tags(path)
    for name in COMMENTS:
        text = tags.get(name, "")
        if f'"{FORMAT}"' in text and isinstance(record := json.loads(text), dict):
            return record
    return None
