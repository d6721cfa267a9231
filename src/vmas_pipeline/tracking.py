"""Everything that a run logs to MLflow goes through this module.

It calls MLflow's client with explicit run ids and never opens a fluent run: a fluent run belongs to one process and is
marked as finished when that process exits, so a training rank would close its parent's run.
"""

import hashlib
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

URI_VARIABLE = "MLFLOW_TRACKING_URI"
PROCESS_TAG = "process"
"""host:pid of the process that opened a run; used to detect abandoned runs."""
VERSIONS_TOLD = ("torch", "deepspeed", "ray", "kedro", "mlflow", "dvc", "great-expectations", "timm")

# MLflow's limits for one call, and for one parameter's value.
BATCH_METRICS, BATCH_PARAMS, PARAM_CHARACTERS = 1000, 100, 6000


@dataclass
class _Process:
    """What this process has opened: at most one run, and its store."""

    store: str | None = None
    """The tracking URI that configure() set, None if the user's own is in force."""
    artifacts: str | None = None
    run_id: str | None = None
    experiment_id: str | None = None
    monitor: "SystemMetricsMonitor | None" = None


_process = _Process()


def configure(root: Path) -> None:
    """Keep runs and models under `root`/mlruns, unless the environment names a tracking server already.

    It only sets environment variables: it imports nothing, and subprocesses use the same store. MLflow's telemetry
    and progress messages stay off unless the user's environment turns them on.

    Args:
        root: The project's folder. The URI is absolute: a relative one would depend on the working directory.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    if os.environ.get(URI_VARIABLE, _process.store) != _process.store:
        _process.store = _process.artifacts = None
        return
    folder = Path(root).resolve() / "mlruns"
    _process.store = os.environ[URI_VARIABLE] = f"sqlite:///{folder}/mlflow.db"
    _process.artifacts = str(folder / "artifacts")


def start_run(
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    *,
    experiment: str = "vmas",
    system_metrics: bool = False,
) -> str:
    """Open this process's run and return its id; runs that were killed outright on this machine are closed as KILLED.

    Args:
        name: The run's name.
        params: Settings, may be nested or dataclasses.
        tags: Its provenance.
        experiment: The experiment it belongs to, created if missing.
        system_metrics: Log the load of CPU, memory, disk and GPU every ten seconds.
    """
    assert _process.run_id is None, f"run {_process.run_id} is still open"
    if _process.artifacts:
        Path(_process.artifacts).mkdir(parents=True, exist_ok=True)
    _process.experiment_id = _experiment_id(experiment)
    _close_abandoned_runs(_process.experiment_id)
    _process.run_id = _create_run(name, params, tags)
    if system_metrics:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        _process.monitor = SystemMetricsMonitor(_process.run_id)
        _process.monitor.start()
    return _process.run_id


def end_run(status: str = "FINISHED") -> None:
    """Close this process's run as FINISHED, FAILED or KILLED; does nothing if none is open."""
    run_id, _process.run_id = _process.run_id, None
    monitor, _process.monitor = _process.monitor, None
    if monitor:
        monitor.finish()
    if run_id:
        _client().set_terminated(run_id, status)


def active_run_id() -> str | None:
    """The run that this process has open."""
    return _process.run_id


def active_logger() -> "RunLogger":
    """Writes to the run that this process has open."""
    assert _process.run_id is not None, "no run is open: call start_run first"
    return RunLogger(_process.run_id)


@contextmanager
def child_run(name: str, params: Mapping[str, Any], tags: Mapping[str, Any]) -> "Iterator[RunLogger]":
    """A child of the open run, for a variant of an experiment. It ends with the block: FINISHED, FAILED or KILLED."""
    assert _process.run_id is not None, "child_run needs an open run: call start_run first"
    run_id = _create_run(name, params, {**tags, "mlflow.parentRunId": _process.run_id})
    status = "KILLED"
    try:
        yield RunLogger(run_id)
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        _client().set_terminated(run_id, status)


def adopt(run_id: str) -> None:
    """Move a child of an earlier run below the open one; a run that is no longer stored is left out."""
    from mlflow.exceptions import MlflowException

    assert _process.run_id is not None, "adopt needs an open run: call start_run first"
    with suppress(MlflowException):
        _client().set_tag(run_id, "mlflow.parentRunId", _process.run_id)


@dataclass(frozen=True)
class RunLogger:
    """Writes to one run, from any process: a training rank gets the run id, and the store from its environment."""

    run_id: str
    tracking_uri: str | None = None
    """None: the store of this process's environment."""

    @cached_property
    def _client(self) -> "MlflowClient":
        return _client(self.tracking_uri)

    def metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers, in one call to the store (a call costs 25 ms whether it carries one or ten).

        Args:
            values: Names and numbers; a nested mapping becomes "outer/inner", which MLflow's charts group by.
            step: The training step they belong to.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._log([Metric(key, float(value), now, step or 0) for key, value in flatten(values, "/").items()])

    def _log(self, entries: "list[Metric]") -> None:
        for start in range(0, len(entries), BATCH_METRICS):
            self._client.log_batch(self.run_id, metrics=entries[start : start + BATCH_METRICS])

    def last_step(self, key: str) -> int:
        """The last step of a metric; 0 if there is none."""
        return max((metric.step for metric in self._client.get_metric_history(self.run_id, key)), default=0)

    def take_over(self, run_id: str, until: int) -> None:
        """Copy another run's metrics up to a step: this run resumes from there and should show the whole curve.

        System metrics are left out; if the other run no longer exists, nothing is changed.
        """
        from mlflow.exceptions import MlflowException

        try:
            keys = [key for key in self._client.get_run(run_id).data.metrics if not key.startswith("system/")]
        except MlflowException:
            return
        found = [metric for key in keys for metric in self._client.get_metric_history(run_id, key)]
        self._log([metric for metric in found if metric.step <= until])
        self.tags({"continues": run_id})

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Write to a run that another process has closed: it is RUNNING for the duration of the block.

        A run that is open is left unchanged: it belongs to the process that opened it.
        """
        if self._client.get_run(self.run_id).info.status == "RUNNING":
            yield
            return
        self._client.update_run(self.run_id, "RUNNING")
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        finally:
            self._client.set_terminated(self.run_id, status)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log settings, nested ones as "outer.inner"."""
        from mlflow.entities import Param

        entries = [Param(key, str(value)[:PARAM_CHARACTERS]) for key, value in flatten(values).items()]
        for start in range(0, len(entries), BATCH_PARAMS):
            self._client.log_batch(self.run_id, params=entries[start : start + BATCH_PARAMS])

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags, replacing those of the same name."""
        from mlflow.entities import RunTag

        self._client.log_batch(self.run_id, tags=[RunTag(key, str(value)) for key, value in values.items()])

    def audio(self, name: str, waveform: "np.ndarray", sample_rate: int, step: int | None = None) -> None:
        """Keep a waveform, float [samples] or [channels, samples] in [-1, 1], as audio/<name>[-step].wav."""
        import soundfile

        file = name if step is None else f"{name}-{step:06d}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{Path(file).name}.wav"
            soundfile.write(path, waveform.T, sample_rate)
            self.artifact(path, str(Path("audio", file).parent))

    def figure(self, name: str, figure: "Figure", step: int | None = None) -> None:
        """Keep a figure as figures/<name>.png, or, with a step, as an image that MLflow shows along the steps."""
        if step is None:
            self._client.log_figure(self.run_id, figure, f"figures/{name}.png")
            return
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self._client.log_image(self.run_id, np.asarray(canvas.buffer_rgba())[..., :3], key=name, step=step)

    def artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Copy a file, or a folder with all its contents, into the run's artifacts."""
        log = self._client.log_artifacts if Path(path).is_dir() else self._client.log_artifact
        log(self.run_id, str(path), folder)

    def text(self, name: str, text: str) -> None:
        """Keep `text` as the artifact `name`."""
        self._client.log_text(self.run_id, text, name)


def flatten(values: Any, separator: str = ".", prefix: str = "") -> dict[str, Any]:
    """Nested mappings and dataclasses as one level: {"a": {"b": 1}} -> {"a.b": 1}."""
    if is_dataclass(values) and not isinstance(values, type):
        values = asdict(values)
    if not isinstance(values, Mapping):
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, separator, f"{prefix}{separator}{key}" if prefix else str(key))
    return flat


def provenance(root: Path) -> dict[str, str]:
    """The provenance of a result: the revisions of the code and of the DVC-tracked data, and library versions."""
    tags = {f"version.{name}": found for name in VERSIONS_TOLD if (found := _installed(name))}
    if revision := _git(root, "rev-parse", "HEAD"):
        tags["mlflow.source.git.commit"] = revision
        tags["git.dirty"] = str(bool(_git(root, "status", "--porcelain", "--untracked-files=no"))).lower()
    lock = root / "dvc.lock"
    if lock.is_file():
        tags["dvc.lock"] = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    return tags


def store() -> str | None:
    """The URI of the tracking store in force, for another process."""
    return os.environ.get(URI_VARIABLE)


def _client(tracking_uri: str | None = None) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri)


def _experiment_id(name: str) -> str:
    """The experiment's id; a new experiment's artifacts go next to our own store."""
    client = _client()
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else client.create_experiment(name, artifact_location=_process.artifacts)


def _close_abandoned_runs(experiment_id: str) -> None:
    """Mark runs left open by a process that was killed with -9, if it ran on this machine and is gone."""
    import psutil

    client = _client()
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        host, _, pid = run.data.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == platform.node() and not psutil.pid_exists(int(pid)):
            client.set_terminated(run.info.run_id, "KILLED")


def _create_run(name: str, params: Mapping[str, Any], tags: Mapping[str, Any]) -> str:
    assert _process.experiment_id is not None
    tags = {PROCESS_TAG: f"{platform.node()}:{os.getpid()}", **{key: str(tag) for key, tag in tags.items()}}
    run = _client().create_run(_process.experiment_id, run_name=name, tags=tags)
    RunLogger(run.info.run_id).params(params)
    return run.info.run_id


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    """git's output, None without git or a repository (such as a copy unpacked from an archive)."""
    try:
        answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
