import sys
from pathlib import Path

import pytest

from vmas_pipeline import versioning
from vmas_pipeline.versioning import code_version, content_hash


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two modules in place of this one; one imports the other inside a function."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "__init__.py").write_text("from toy import unrelated\n")
    (folder / "unrelated.py").write_text("a = 1\n")
    (folder / "top.py").write_text('"""Top."""\n\n\ndef f():\n    from toy import base\n    return base.b\n')
    (folder / "base.py").write_text("b = 2  # of two\n")
    monkeypatch.setattr(versioning, "_ROOT", tmp_path)
    monkeypatch.setattr(versioning, "_PACKAGE", "toy")
    return folder


def test_code_that_is_imported_inside_a_function_counts(package: Path) -> None:
    before = code_version("toy.top")
    assert len(before) == 16
    (package / "base.py").write_text("b = 3\n")
    assert code_version("toy.top") != before


def test_prose_layout_and_other_modules_do_not_count(package: Path) -> None:
    before = code_version("toy.top")
    (package / "base.py").write_text('"""About b."""\n\nb = (2)\n"""An attribute."""\n')
    (package / "unrelated.py").write_text("a = 5\n")
    assert code_version("toy.top") == before


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="vmas_pipeline.nowhere is no Python module"):
        code_version("vmas_pipeline.nowhere")


def test_an_extension_outside_the_package_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "toy_filter.py").write_text("bound = 1\n")
    __import__("toy_filter")
    before = code_version("toy_filter")
    (tmp_path / "toy_filter.py").write_text("bound = 2\n")
    assert code_version("toy_filter") != before
    del sys.modules["toy_filter"]


def test_a_folder_is_named_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a") == "ba7816bf8f01cfea"  # SHA-256 of "abc", FIPS 180-2
    before = content_hash(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = content_hash(tmp_path)
    (tmp_path / "b").write_bytes(b"abd")
    assert len({before, renamed, content_hash(tmp_path)}) == 3


def test_what_is_no_path_is_named_by_itself() -> None:
    assert content_hash("facebook/encodec_32khz") != content_hash("facebook/encodec_24khz")
