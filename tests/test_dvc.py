"""dvc.yaml against the Kedro pipelines that it runs, and a real reproduction, push, wipe and pull."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import grimp
import pytest
import yaml
from kedro.config import OmegaConfigLoader

from vmas_pipeline.pipeline_registry import register_pipelines
from vmas_pipeline.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
NO_RESULT = (["pipelines"], ["stand_ins"], ["tracking"], ["registry"], ["versioning"], ["numba_cache"])
"""Modules whose code decides nothing about what a stage writes: wiring, what is not imported, and where it is noted and
found again."""
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def paths(stage, *kinds):
    """A stage's paths of some kinds; an entry is a path, or one with options."""
    entries = [entry for kind in kinds for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def covered(path, by):
    return any(path == each or path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in by)


def module_path(module):
    """Of a module below src; None for a package, whose files are modules of their own."""
    file = ROOT / "src" / f"{module.replace('.', '/')}.py"
    return file.relative_to(ROOT).as_posix() if file.is_file() else None


@pytest.fixture(scope="module")
def catalog():
    return OmegaConfigLoader(str(ROOT / "conf"), env="base", **CONFIG_LOADER_ARGS)["catalog"]


def test_dvc_has_one_stage_for_each_pipeline_of_the_flow():
    flow = register_pipelines()["__default__"]
    in_flow = {name for name, each in register_pipelines().items() if set(each.nodes) <= set(flow.nodes)}
    assert set(STAGES) == in_flow - {"__default__"}
    assert all(stage["cmd"] == f"${{kedro}}={name}" for name, stage in STAGES.items())


def test_what_a_stage_depends_on_exists():
    for stage in STAGES.values():
        code = [path for path in paths(stage, "deps") if path.startswith("src/")]
        assert code and all((ROOT / path).exists() for path in [*code, *paths(stage, "params")])


def test_the_code_that_a_stage_depends_on_is_what_its_pipeline_imports():
    graph = grimp.build_graph("vmas_pipeline", exclude_type_checking_imports=True)
    for name, stage in STAGES.items():
        imported = graph.find_upstream_modules(f"vmas_pipeline.pipelines.{name}")
        files = {module_path(module) for module in imported if module.split(".")[1:2] not in NO_RESULT}
        code = [path for path in paths(stage, "deps") if path.startswith("src/")]
        assert {file for file in files if file and not covered(file, code)} == set(), name
        assert {path for path in code if not any(covered(file, [path]) for file in files if file)} == set(), name


def test_results_that_a_stage_completes_are_not_deleted_before_it_runs():
    for name, folder in (("features", "data/03_features"), ("generation", "data/05_generated/vmas")):
        assert {folder: {"persist": True}} in STAGES[name]["outs"]


def test_what_a_pipeline_reads_and_writes_is_what_its_stage_names(catalog):
    for name, stage in STAGES.items():
        pipeline = register_pipelines()[name]
        for each in pipeline.inputs():
            if each.startswith("params:"):
                (sections,) = (entry["conf/base/parameters.yml"] for entry in stage["params"])
                assert each.removeprefix("params:") in sections, f"{name} reads {each}"
            elif not each.endswith("_folder"):
                assert covered(catalog[each]["filepath"], paths(stage, "deps")), f"{name} reads {each}"
        for each in pipeline.all_outputs() & set(catalog):
            assert covered(catalog[each]["filepath"], paths(stage, "outs", "metrics", "plots")), f"{name} writes {each}"


@pytest.fixture
def project(tmp_path):
    """A copy of the project with little sample data."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("src", "conf", ".dvc", "dvc.yaml", "pyproject.toml", ".gitignore", ".dvcignore"):
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "tmp", "cache", "local")
        shutil.copytree(source, root / name, ignore=ignore) if source.is_dir() else shutil.copy(source, root)
    (root / "conf" / "local").mkdir()
    parameters = root / "conf" / "base" / "parameters.yml"
    few = {"videos": 4, "flawed": 1, "duration_s": 2.0, "backend": "inline"}
    parameters.write_text(yaml.safe_dump(yaml.safe_load(parameters.read_text()) | {"sample_data": few}))
    run(root, "git", "init", "-q")
    return root


def run(root, *command):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": str(root / "src")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(root, *arguments):
    return run(root, sys.executable, "-m", "dvc", *arguments)


def contents(folder):
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.flow
def test_a_stage_runs_once_and_its_data_come_back_from_a_remote(project, tmp_path):
    assert "Running stage 'sample_data'" in dvc(project, "repro", "sample_data")
    made = contents(project / "data" / "01_raw" / "synthetic")
    assert len(made) > 8

    assert "Running stage" not in dvc(project, "repro", "sample_data")

    dvc(project, "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    dvc(project, "push")
    shutil.rmtree(project / "data")
    shutil.rmtree(project / ".dvc" / "cache")
    dvc(project, "pull", "sample_data")
    assert contents(project / "data" / "01_raw" / "synthetic") == made
