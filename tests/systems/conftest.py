"""What the tests of trained systems share."""

import shutil

import pytest

from vmas_pipeline.features.shards import read_clips, read_index


@pytest.fixture(scope="module")
def features(world, tmp_path_factory):
    """The small world's, with the training clips as validation too, in a folder of the module's own."""
    folder = shutil.copytree(world.features, tmp_path_factory.mktemp("trained") / "features")
    shutil.copytree(folder / "train", folder / "validation")
    return folder


@pytest.fixture(scope="module")
def samples(world):
    """The test clips."""
    return list(read_clips(world.features / "test", read_index(world.features / "test")))
