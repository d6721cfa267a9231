"""The small world's music, measured."""

from typing import Any

import pytest

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import compute_metrics
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult, clips_table


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
    return clips_table(measured.about, results.values())
