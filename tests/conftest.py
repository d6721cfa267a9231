"""What every test runs under: one thread, no window, no usage reports; and the world that several rooms look at."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "true")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """`world.make_world`, once for all that ask; imported late, since most tests do without."""
    from .world import make_world

    return make_world(tmp_path_factory.mktemp("world"))
