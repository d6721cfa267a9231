"""Hooks around every `kedro run`: inputs are checked, the run is tracked, and errors are reported readably."""

import atexit
import difflib
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol, DatasetError
from kedro.pipeline import Pipeline
from kedro.validation.exceptions import ParameterValidationError

from vmas_pipeline import tracking

# Errors that a user can fix: the message says it all, and a traceback would bury it.
USER_ERRORS = (ValueError, DatasetError, ParameterValidationError)


class RunHooks:
    """One MLflow run for each `kedro run`, closed with its actual status: FINISHED, FAILED, or KILLED by a signal."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        sys.excepthook = _tell_briefly
        _require_environment(context)
        _require_known_sections(context)
        self._root = Path(context.project_path)
        self._environment = context.env or "local"
        self._settings = context.config_loader["mlflow"]
        tracking.configure(self._root)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        _require_inputs(pipeline, catalog)
        tracking.start_run(
            "+".join(run_params["pipeline_names"] or ["__default__"]),
            _resolved_parameters(pipeline, catalog),
            {**tracking.provenance(self._root), "kedro.env": self._environment, "kedro.command": _command(run_params)},
            **self._settings,
        )
        atexit.register(tracking.end_run, "KILLED")
        signal.signal(signal.SIGTERM, _exit_on_signal)

    @hook_impl
    def after_pipeline_run(self) -> None:
        tracking.end_run("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        run_id = tracking.active_run_id()
        if run_id:
            tracking.RunLogger(run_id).text("error.txt", "".join(traceback.format_exception(error)))
        tracking.end_run("FAILED")


def _require_environment(context: KedroContext) -> None:
    folder = Path(context.config_loader.conf_source)
    if context.env and not (folder / context.env).is_dir():
        known = ", ".join(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
        raise ValueError(f"environment {context.env} is unknown: {folder} has {known}")


def _require_known_sections(context: KedroContext) -> None:
    """Raise if a parameter is in no section of conf/base: no node would read it, and nobody would notice."""
    # read directly: a second config loader would replace the first one's resolvers, including ${globals:...}
    files = sorted((Path(context.config_loader.conf_source) / "base").glob("parameters*.yml"))
    known = sorted({section for file in files for section in yaml.safe_load(file.read_text()) or ()})
    for section in context.params:
        if section not in known:
            near = difflib.get_close_matches(section, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"parameter section {section} is unknown: {meant}")


def _require_inputs(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Raise before any node runs, naming the pipelines whose results are missing."""
    missing = [name for name in sorted(pipeline.inputs()) if not name.startswith("param") and not catalog.exists(name)]
    if not missing:
        return
    pipelines.set_requested(None)  # Kedro has loaded only the requested ones
    makers = [name for name, other in pipelines.items() if name != "__default__" and other.all_outputs() & set(missing)]
    raise DatasetError(
        f"{', '.join(missing)} not found: run `kedro run --pipelines={','.join(makers)}` first "
        "(with the same --env), or `kedro run` for the whole flow"
    )


def _resolved_parameters(pipeline: Pipeline, catalog: CatalogProtocol) -> dict[str, Any]:
    """The parameters that the run's nodes read, defaults included, by section."""
    names = [name for name in sorted(pipeline.inputs()) if name.startswith("params:")]
    return {name.removeprefix("params:"): catalog[name].load() for name in names}


def _command(run_params: dict[str, Any]) -> str:
    """The options given besides the pipeline's name, as one line."""
    asked = ("node_names", "from_nodes", "to_nodes", "tags", "only_missing_outputs", "runtime_params")
    return " ".join(f"{key}={run_params[key]}" for key in asked if run_params.get(key)) or "whole pipeline"


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Let `finally` blocks and exit handlers run: they stop the workers and close the run as KILLED."""
    raise SystemExit(128 + number)


def _tell_briefly(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, USER_ERRORS):
        print(f"kedro run: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
