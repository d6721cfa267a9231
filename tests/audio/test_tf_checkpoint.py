from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.audio.tagger import _package_folder
from vmas_pipeline.audio.tf_checkpoint import read_checkpoint


def test_reads_every_variable_of_the_musicnn_checkpoint_with_its_shape():
    tensors = read_checkpoint(_package_folder() / "MTT_musicnn")
    assert tensors["conv2d/kernel"].shape == (7, 38, 1, 204)
    assert tensors["dense_1/kernel"].shape == (200, 50)
    assert tensors["beta1_power"].shape == ()
    trained = {name: value for name, value in tensors.items() if "Adam" not in name and "power" not in name}
    assert len(trained) == 64  # 8 convolutions and 2 dense layers of 2, 11 batch norms of 4
    assert all(np.isfinite(value).all() for value in trained.values())


def test_refuses_a_file_that_is_no_index(tmp_path: Path):
    (tmp_path / "model.index").write_bytes(b"not a table" * 20)
    (tmp_path / "model.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ValueError, match=r"model\.index is no TensorFlow checkpoint index"):
        read_checkpoint(tmp_path / "model")
