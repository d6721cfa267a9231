"""What every test runs under: one thread, no window, no usage reports; and the world that several rooms look at."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "true")


LONGEST = ("test_killed_run.py", "test_end_to_end.py", "test_zero.py", "test_agents.py", "test_service.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: two workers then end at about the same time."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """`world.make_world`, once for all that ask; imported late, since most tests do without."""
    from .world import make_world

    return make_world(tmp_path_factory.mktemp("world"))
