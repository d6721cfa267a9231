"""The parameters files against the dataclasses, and the page about both."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader

from vmas_pipeline.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


@pytest.fixture(scope="module")
def configuration():
    spec = importlib.util.spec_from_file_location("configuration", ROOT / "docs" / "configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def defaults(configuration):
    found = [each for name, cls in configuration.sections().items() for each in configuration.parameters(name, cls)]
    return {key: default for key, default, _ in found}


def leaves(values, prefix=""):
    """Keys with dots, and values; a mapping without keys says nothing."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def same(value, other):
    """Equal as YAML: tuples are lists, and paths texts."""
    return json.dumps(value, default=str) == json.dumps(other, default=str)


def parameters(environment):
    loader = OmegaConfigLoader(str(CONF), env=environment, **CONFIG_LOADER_ARGS | {"default_run_env": environment})
    return dict(leaves(loader["parameters"]))


def written(environment):
    return dict(leaves(yaml.safe_load((CONF / environment / "parameters.yml").read_text())))


def test_the_page_of_all_parameters_is_what_the_code_says(configuration):
    assert (ROOT / "docs" / "configuration.md").read_text() == configuration.page(), "run make docs"


def test_base_repeats_no_default_and_gives_all_that_is_required(defaults):
    given = written("base")
    assert {key for key, value in given.items() if key in defaults and same(value, defaults[key])} == set()
    required = {key for key, default in defaults.items() if default is dataclasses.MISSING and "[" not in key}
    assert {key for key in required if not any(each.startswith(key) for each in given)} == set()


@pytest.mark.parametrize("environment", ["smoke", "paper", "finetune"])
def test_an_environment_repeats_nothing_that_holds_without_it(environment, defaults):
    without = defaults | written("base")
    given = written(environment)
    assert {key for key, value in given.items() if key in without and same(value, without[key])} == set()
    merged = parameters(environment)
    assert {key: merged[key] for key in given} == given
