"""Writes docs/configuration.md: every parameter with its default and its meaning, read from the dataclasses.

`make docs` runs it; tests/pipelines/test_parameters.py holds the page against the code.
"""

import ast
import dataclasses
import inspect
import json
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from vmas_pipeline.curation.filters import FILTERS
from vmas_pipeline.evaluation.embeddings import EMBEDDINGS
from vmas_pipeline.pipeline_registry import register_pipelines

HEAD = """\
# Configuration

Every parameter with its default, written by `make docs` from the dataclasses. `conf/base/parameters.yml` contains the
choices of the embedded default, `conf/<environment>/parameters.yml` what an environment changes; `kedro run --params
train.seed=1` changes a key for one run. An unknown key or a value of the wrong type is rejected by name.
"""


class Parameter(NamedTuple):
    """A key of the parameters."""

    key: str
    default: Any
    """`dataclasses.MISSING` where it must be given."""
    meaning: str


def sections() -> dict[str, type]:
    """Each section of the parameters with its dataclass, from the nodes that take them."""
    found = {}
    for pipeline in register_pipelines().values():
        for node in pipeline.nodes:
            for name, taken in zip(node.inputs, inspect.signature(node.func).parameters.values(), strict=False):
                if name.startswith("params:"):
                    found[name.removeprefix("params:")] = taken.annotation
    return dict(sorted(found.items()))


def parameters(section: str, cls: Any) -> Iterator[Parameter]:
    """The keys of a dataclass and of those inside it, in their order."""
    meanings = _meanings(cls)
    for field in dataclasses.fields(cls):
        key, default = f"{section}.{field.name}", _default(field)
        if key == "curation.filters":
            for name, kind in FILTERS.items():
                yield from parameters(f"{key}.{name}", kind)
        elif key == "evaluation.embeddings":
            yield Parameter(key, [{"kind": each.kind, **vars(each)} for each in default], meanings[field.name])
            for name, kind in EMBEDDINGS.items():
                yield from parameters(f"{key}[{name}]", kind)
        elif dataclasses.is_dataclass(default):
            yield from parameters(key, type(default))
        else:
            yield Parameter(key, default, meanings.get(field.name, ""))


def _default(field: "dataclasses.Field[Any]") -> Any:
    """Pydantic keeps its own description of a field where dataclasses keep the default."""
    made = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if hasattr(made, "get_default"):
        return dataclasses.MISSING if made.is_required() else made.get_default(call_default_factory=True)
    return made


def _meanings(cls: type) -> dict[str, str]:
    """The docstrings below the fields."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def page() -> str:
    """The whole page, as Markdown."""
    text = HEAD
    for section, cls in sections().items():
        text += (
            f"\n## {section}\n\n{(inspect.getdoc(cls) or '').splitlines()[0]}\n\n| key | default | |\n|---|---|---|\n"
        )
        for key, default, meaning in parameters(section, cls):
            shown = "required" if default is dataclasses.MISSING else f"`{_yaml(default)}`"
            text += f"| `{key}` | {shown} | {meaning.replace('|', '&#124;')} |\n"
    return text


def _yaml(value: Any) -> str:
    """A default as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
