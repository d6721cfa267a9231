"""The small world's music, measured."""

from typing import Any

import pytest

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import clips_table, compute_metrics
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult

from ..world import World, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def config() -> EvaluationConfig:
    return EvaluationConfig(batch=4, report_clips=2)


@pytest.fixture(scope="session")
def measured(world, config) -> Measured:
    return world.measure(config)


@pytest.fixture(scope="session")
def results(measured) -> dict[str, MetricResult]:
    return {result.name: result for result in compute_metrics(measured)}


@pytest.fixture(scope="session")
def clips(measured, results) -> Any:
    return clips_table(measured, list(results.values()))
