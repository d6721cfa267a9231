import tempfile
from pathlib import Path

from vmas_pipeline.numba_cache import cache_lock


def test_the_lock_lies_in_the_cache_wherever_temporary_files_go(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    assert Path(cache_lock(tmp_path).lock_file).parent == tmp_path / "__pycache__"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert Path(cache_lock(tmp_path).lock_file).parent == tmp_path / "named"


def test_a_cache_that_cannot_be_made_leaves_the_lock_to_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert Path(cache_lock(tmp_path).lock_file).parent == tmp_path
