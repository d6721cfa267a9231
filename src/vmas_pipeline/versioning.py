"""What a stored result was made by: the version of the code, and the content of files. Keys of resumable work."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

VERSION = "0.1.0"
"""Of this package, as in pyproject.toml."""

_PACKAGE = "vmas_pipeline"
_ROOT = Path(__file__).parents[1]


def code_version(*modules: str) -> str:
    """Names the code that modules run: 16 hex digits that change when it does.

    Covers the modules and everything of this package that they import, directly or not, also inside functions.
    Comments, docstrings and layout do not count. Of a package named in an import, its `__init__` counts; the root
    package's does not.

    Args:
        modules: dotted names.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module], imported = _read(module)
            waiting += imported
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]


def content_hash(path: Path | str) -> str:
    """Names the content of a file, or of all files of a folder with their names: 16 hex digits.

    A text that is no path of this machine, such as a model's name on a hub, is hashed itself.
    """
    path = Path(path)
    if path.is_file():
        return _digest(path).hex()[:16]
    content = hashlib.sha256(b"" if path.is_dir() else str(path).encode())
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        content.update(str(file.relative_to(path)).encode() + b"\0" + _digest(file))
    return content.hexdigest()[:16]


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """A module's code without its prose, and the modules of this package that it imports."""
    file = _source(module)
    if file is None:
        raise ValueError(f"{module} is no Python module of this installation")
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_prose(each)]  # type: ignore[attr-defined]
    return ast.dump(tree), tuple(name for name in _imports(tree) if name != _PACKAGE and _source(name))


def _source(module: str) -> Path | None:
    """The file of one of this package's modules, or of another that is imported; None where there is none."""
    if module in sys.modules and sys.modules[module].__file__:
        return Path(str(sys.modules[module].__file__))
    place = _ROOT.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _is_prose(statement: ast.stmt) -> bool:
    """Docstrings, also those of attributes."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports of this package; `from a import b` may mean the module a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        yield from (name for name in names if name.split(".")[0] == _PACKAGE)
