"""Runs every variant, each as a child of the pipeline's MLflow run; what is done already is not repeated."""

import json
import resource
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import evaluate
from vmas_pipeline.evaluation.paired import difference, seed_diversity
from vmas_pipeline.experiments.config import ExperimentConfig, Planned, plan
from vmas_pipeline.experiments.table import row_of
from vmas_pipeline.features.shards import read_index
from vmas_pipeline.media import ClipSpec, whole_file
from vmas_pipeline.systems import SYSTEMS, TRAINED, load_system
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.systems.generate import generate_clips
from vmas_pipeline.systems.generated import Record
from vmas_pipeline.systems.interface import System
from vmas_pipeline.tracking import RunLogger, adopt, child_run
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.stage import train
from vmas_pipeline.versioning import code_version, content_hash

if TYPE_CHECKING:
    from pandas import DataFrame

TRAINING = "trained.json"
"""Beside a variant's model: by what key it was trained, its last losses and its cost."""
RESULT = "result.json"
"""Written last into a variant's folder: the key of all that it depends on, its MLflow run and its row."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What the flow has made, and its settings: where variants start from, and how they are measured."""

    train: TrainConfig
    generation: GenerationConfig
    evaluation: EvaluationConfig
    clip: ClipSpec
    features: Path
    codec: Path
    model: Path
    reconstructed: Path
    manifest: "DataFrame"
    audio_cache: Path | None = None

    def source(self, planned: Planned) -> Path:
        """What a variant that is not trained is loaded from."""
        made = {"vmas": self.model, "codec": self.codec}
        return planned.variant.source or made.get(planned.variant.kind, self.features)

    def data(self, *splits: str) -> list[str]:
        """Names the features' clips of these splits, and the codec."""
        return [content_hash(self.codec), *_clips_of(self.features, *splits)]

    def training_features(self, planned: Planned) -> Path:
        """The shards that a variant is trained on.

        Raises:
            ValueError: another data set without shards, or with sources that are evaluated here.
        """
        if (other := planned.variant.features) is None:
            return self.features
        if not (other / "train" / "index.parquet").is_file():
            raise ValueError(
                f"variant {planned.name}: there are no shards in {other}: see the comment above its experiment in "
                "conf/base/parameters.yml for what makes them"
            )
        tested = set(read_index(self.features / self.generation.split)["source_id"])
        if shared := sorted(tested & set(read_index(other / "train")["source_id"])):
            raise ValueError(
                f"variant {planned.name}: {len(shared)} of the {len(tested)} evaluated sources are among those that "
                f"{other} trains on, the first {shared[0]}: give both data sets the same curation.split"
            )
        return other


def run_experiment(
    name: str, config: ExperimentConfig, flow: Flow, work: Path, *, label: str = "variant"
) -> "DataFrame":
    """Run each variant with each seed and evaluate all on the same held-out clips.

    A variant is skipped if its folder holds its result for the same settings, data and code; one that was interrupted
    goes on from its last checkpoint or clip.

    Args:
        name: the experiment's.
        config: the variants.
        flow: what they start from.
        work: gets a folder for each variant and seed, with model, music, metrics and result.
        label: the table's column with the variant's name.

    Returns:
        A row per variant and seed that has a result: see `table.row_of`, and `paired.difference` from the first; with
        several seeds, `paired.seed_diversity` from the first of them.

    Raises:
        ValueError: as for `config.plan`; an unknown kind, or a source that does not fit it.
    """
    from pandas import DataFrame

    planned, rows = plan(flow.train, config), []
    for number, each in enumerate(planned, start=1):
        print(f"{name}: {each.run} ({number} of {len(planned)})", flush=True)
        folder, first = work / each.run, work / f"{planned[0].name}-{each.seed}"
        key, done = _key(each, flow), _stored(folder / RESULT)
        if done and done["key"] == key:
            adopt(done["run_id"])
        else:
            done = _run(each, flow, folder, key) if config.only in (None, each.name) else None
        if done and (first / RESULT).is_file():
            found = difference(folder, first, planned[0].name)
            if folder == first:
                found["verdict"] = ""
            if each.seed != config.seeds[0]:
                found["seed_diversity"] = seed_diversity(work / f"{each.name}-{config.seeds[0]}", folder)
            rows.append({label: each.name, **done["row"], **found, "note": each.variant.note})
    return DataFrame(rows)


def _run(planned: Planned, flow: Flow, folder: Path, key: str) -> dict[str, Any]:
    """Train, generate and evaluate what is missing; what is then in the folder."""
    tags = {"variant": planned.name, "seed": planned.seed, "kind": planned.variant.kind}
    tags |= {"deviations": planned.variant.note} if planned.variant.note else {}
    with child_run(planned.run, planned.settings, tags) as logger:
        trained = _train(planned, flow, folder, logger) if planned.train else {}
        system = _load(planned, flow, folder)
        logger.tags({"system": system.name})
        generation = replace(flow.generation, seed=planned.seed)
        music = generate_clips(generation, flow.clip, system, flow.features, folder / "generated")
        metrics = evaluate(
            flow.evaluation,
            flow.clip,
            music,
            flow.reconstructed,
            flow.features,
            flow.manifest,
            folder,
            flow.audio_cache,
            logger=logger,
        )
        row = {"kind": planned.variant.kind, "seed": planned.seed}
        row |= row_of(metrics, Record.read(music)) | trained
        logger.metrics({"row": {name: value for name, value in row.items() if isinstance(value, float)}})
        done = {"key": key, "run_id": logger.run_id, "row": row}
        _store(folder / RESULT, done)
    return done


def _train(planned: Planned, flow: Flow, folder: Path, logger: RunLogger) -> dict[str, Any]:
    """Train the variant's model unless it is there; its last losses and its cost."""
    features = flow.training_features(planned)
    key = planned.key(content_hash(flow.codec), *_clips_of(features, "train", "validation"))
    if (done := _stored(folder / TRAINING)) and done["key"] == key and (folder / planned.variant.kind).is_dir():
        logger.tags({"trained_in": done["run_id"]})
        return done["row"]
    before, kind = _cpu_s(), planned.variant.kind
    if kind == "vmas":
        losses = train(
            planned.train, flow.clip, features, flow.codec, folder / kind, folder / "checkpoints", logger.run_id
        )
        losses = {name: losses[name] for name in ("codebook_0", "beat_frames", "gap")}
    else:
        _, fit = TRAINED[kind]
        losses = fit(planned.train, features, folder / kind)
    row = {**losses, "clips_seen": planned.train.clips_seen, "training_cpu_s": round(_cpu_s() - before, 1)}
    _store(folder / TRAINING, {"key": key, "run_id": logger.run_id, "row": row})
    return row


def _load(planned: Planned, flow: Flow, folder: Path) -> System:
    source = folder / planned.variant.kind if planned.train else flow.source(planned)
    return load_system(planned.variant.kind, source, **planned.variant.options)


def _key(planned: Planned, flow: Flow) -> str:
    """Names the result by settings, data and code."""
    kind = planned.variant.kind
    code = [code_version(SYSTEMS[kind].__module__)] if kind in SYSTEMS else []
    source = [] if planned.train or flow.source(planned) == flow.features else [content_hash(flow.source(planned))]
    drawn = f"{flow.generation.split} {flow.generation.clips}"
    measured = [code_version("vmas_pipeline.evaluation.evaluate"), str(flow.evaluation), drawn]
    learnt = _clips_of(planned.variant.features, "train") if planned.variant.features else []
    return planned.key(*flow.data("train", flow.generation.split), *learnt, *source, *code, *measured)


def _clips_of(features: Path, *splits: str) -> list[str]:
    """Names the clips of these splits; a split that is missing has a name too."""
    indices = [features / split / "index.parquet" for split in splits]
    return [content_hash(index) if index.is_file() else "none" for index in indices]


def _cpu_s() -> float:
    """CPU seconds of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _stored(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text()) if file.is_file() else None


def _store(file: Path, content: dict[str, Any]) -> None:
    with whole_file(file) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
