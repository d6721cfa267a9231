"""The wiring and the configuration of every environment, without running anything."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.validation.exceptions import ParameterValidationError
from kedro.validation.parameter_validator import ParameterValidator

from vmas_pipeline.pipeline_registry import register_pipelines
from vmas_pipeline.pipelines.experiments import EXPERIMENTS
from vmas_pipeline.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"
FLOW = ["sample_data", "curation", "codec", "features", "train", "generation", "evaluation", "registration"]


def configuration(environment):
    options = {**CONFIG_LOADER_ARGS, "default_run_env": environment}
    return OmegaConfigLoader(str(CONF), env=environment, **options)


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


def test_the_default_is_the_flow_without_what_stands_aside(pipelines):
    assert [*pipelines] == [*FLOW, *EXPERIMENTS, "films", "curation_plan", "train_plan", "__default__"]
    in_flow = {node.name for name in FLOW for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == in_flow


def test_each_stage_reads_only_what_an_earlier_stage_or_the_configuration_provides(pipelines):
    given = {name for name in configuration("base")["catalog"] if name.endswith("_folder")}
    for name in [*FLOW, *EXPERIMENTS]:
        needed = {each for each in pipelines[name].inputs() if not each.startswith("params:")}
        assert needed <= given, f"{name} reads {needed - given} before it is there"
        given |= pipelines[name].outputs() | pipelines[name].all_outputs()


def test_every_result_that_another_stage_reads_is_kept_in_the_catalogue(pipelines):
    catalog = configuration("base")["catalog"]
    for name, pipeline in pipelines.items():
        read = {each for each in pipeline.inputs() if not each.startswith("params:")}
        assert read <= set(catalog), f"{name} reads {read - set(catalog)}, which no file holds"


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
def test_the_parameters_of_each_environment_are_valid(pipelines, environment):
    validator = ParameterValidator(pipelines)
    parameters = configuration(environment)["parameters"]
    resolved = validator.validate_raw_params(parameters)
    assert {type(resolved[section]).__name__ for section in parameters} >= {"ClipSpec", "TrainConfig", "CurationConfig"}
    assert not any(isinstance(section, dict) for section in resolved.values()), "a section that no stage reads"


def test_an_unknown_parameter_is_an_error(pipelines):
    parameters = configuration("base")["parameters"]
    parameters["clip"]["frame_rat"] = 9.6
    with pytest.raises(ParameterValidationError, match="frame_rat"):
        ParameterValidator(pipelines).validate_raw_params(parameters)


def test_environments_do_not_share_data():
    roots = {environment: configuration(environment)["globals"]["data"] for environment in ("base", "smoke", "paper")}
    assert len(set(roots.values())) == 3
