from pathlib import Path

import pytest
from kedro.io import DatasetError

from vmas_pipeline.pipelines.datasets import FolderDataset, FolderLocation


def test_a_filled_folder_loads_as_its_path(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "000000.tar").touch()
    folder = FolderDataset(str(tmp_path), holds="train/*.tar")
    folder.save(tmp_path)
    assert folder.exists() and folder.load() == tmp_path


def test_a_missing_or_incomplete_folder_does_not_exist_and_says_what_it_lacks(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        folder = FolderDataset(str(path), holds="model.safetensors")
        assert not folder.exists()
        with pytest.raises(DatasetError, match="holds no model.safetensors: run the pipeline"):
            folder.load()


def test_a_node_that_filled_another_folder_is_refused(tmp_path):
    (tmp_path / "config.json").touch()
    with pytest.raises(DatasetError, match="although its node ended and returned"):
        FolderDataset(str(tmp_path), holds="config.json").save(Path("elsewhere"))


def test_a_location_is_given_before_it_exists(tmp_path):
    location = FolderLocation(str(tmp_path / "later"))
    assert location.exists() and location.load() == tmp_path / "later"
