"""The examples of docs/extending.md, as modules."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Make the example of a section a module of the given name, and run its line where its list is."""

    def add(section: str, name: str, home: ModuleType) -> ModuleType:
        text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
        code, line = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        sys.modules.pop(name, None)
        module = __import__(name)
        listed = line.split("[")[0].split(" ")[0]
        held = getattr(home, listed)
        space = {**vars(home), name: module, listed: held.copy() if isinstance(held, dict) else held}
        exec(line, space)
        monkeypatch.setattr(home, listed, space[listed])
        return module

    return add
