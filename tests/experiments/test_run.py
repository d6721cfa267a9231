"""An experiment over the small world: one variant is trained by its real processes, the others are rules."""

import dataclasses
import shutil

import pandas as pd
import pytest
from mlflow import MlflowClient

from vmas_pipeline import tracking
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.experiments.config import ExperimentConfig, Planned, Variant, plan
from vmas_pipeline.experiments.report import write_experiment_report
from vmas_pipeline.experiments.run import Flow, run_experiment
from vmas_pipeline.training.config import EngineConfig, ModelConfig, MonitoringConfig, TrainConfig

from ..world import GENERATION

pytestmark = pytest.mark.flow

VARIANTS = {
    "flow_peaks": Variant(kind="flow_peaks"),
    "silence": Variant(kind="silence", note="nothing at all"),
    "model": Variant(),
    "trained": Variant(train={}),
}
SIZES = {"video": {"depths": [1, 1, 1], "widths": [8, 16, 32]}, "decoder": {"width": 32, "layers": 1, "heads": 2}}
TRAIN = TrainConfig(
    model=ModelConfig(overrides=SIZES),
    engine=EngineConfig(micro_batch=2),
    monitoring=MonitoringConfig(validation_clips=2, sample_clips=0),
    steps=1,
)


@pytest.fixture(scope="module")
def flow(world, tmp_path_factory) -> Flow:
    features = shutil.copytree(world.features, tmp_path_factory.mktemp("flow") / "features")
    shutil.copytree(features / "train", features / "validation")
    return Flow(
        train=TRAIN,
        generation=GENERATION,
        evaluation=EvaluationConfig(batch=4),
        clip=world.clip,
        features=features,
        codec=world.model / "codec",
        model=world.model,
        reconstructed=world.reconstructed,
        manifest=world.manifest,
        audio_cache=features.parent / "cache",
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of runs, and a function that opens a parent run in it."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        tracking.configure(folder)
        yield MlflowClient(), lambda: tracking.start_run("comparison", {}, {})
        tracking.end_run()


@pytest.fixture(scope="module")
def ran(flow, store, tmp_path_factory):
    """The experiment, one variant in a job of its own before the rest."""
    _, start_run = store
    work = tmp_path_factory.mktemp("work")
    alone = ExperimentConfig(variants=VARIANTS, only="trained")
    start_run()
    assert run_experiment("comparison", alone, flow, work).empty  # the first variant has no result yet
    tracking.end_run()
    start_run()
    table = run_experiment("comparison", ExperimentConfig(variants=VARIANTS), flow, work, label="system")
    tracking.end_run()
    return table, work


def test_every_variant_has_its_row(ran):
    table, _ = ran
    rows = table.set_index("system")
    assert list(rows.index) == list(VARIANTS)
    assert rows.at["silence", "mv_align"] == 0 and rows.at["silence", "note"] == "nothing at all"
    assert rows.at["flow_peaks", "mv_align"] > 0.7
    assert rows.at["model", "parameters"] > 10_000 and pd.isna(rows.at["silence", "parameters"])
    assert rows.at["trained", "clips_seen"] == 2 and rows.at["trained", "training_cpu_s"] > 1
    assert (rows["kind"] == ["flow_peaks", "silence", "vmas", "vmas"]).all()


def test_differences_are_from_the_first_and_say_whether_they_are_real(ran):
    rows = ran[0].set_index("system")
    assert rows.at["flow_peaks", "mv_align_difference"] == 0 and rows.at["flow_peaks", "verdict"] == ""
    assert rows.at["silence", "mv_align_difference"] == pytest.approx(-rows.at["flow_peaks", "mv_align"])
    assert "below flow_peaks (" in rows.at["silence", "verdict"]


def test_a_second_run_repeats_nothing_and_takes_the_children_over(ran, flow, store):
    table, work = ran
    client, start_run = store
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    parent = start_run()
    again = run_experiment("comparison", ExperimentConfig(variants=VARIANTS), flow, work, label="system")
    tracking.end_run()
    pd.testing.assert_frame_equal(again, table)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before
    experiment = client.get_run(parent).info.experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    tags = {run.data.tags["variant"]: run.data.tags for run in children}
    assert set(tags) == set(VARIANTS)
    assert (tags["silence"]["system"], tags["silence"]["deviations"]) == ("silence", "nothing at all")
    assert tags["trained"]["kind"] == tags["trained"]["system"] == "vmas" and "deviations" not in tags["trained"]


def test_other_settings_run_again(ran, flow, store):
    _, work = ran
    store[1]()
    changed = dataclasses.replace(flow, generation=dataclasses.replace(GENERATION, clips=4))
    table = run_experiment("comparison", ExperimentConfig(variants=dict(list(VARIANTS.items())[:2])), changed, work)
    tracking.end_run()
    assert list(table["variant"]) == ["flow_peaks", "silence"]
    assert len(pd.read_parquet(work / "silence-0" / "clips.parquet")) == 6  # a folder of music only grows


def test_another_data_set_to_train_on_must_be_there_and_hold_no_evaluated_source(flow, tmp_path):
    (planned,) = plan_of(Variant(train={}, features=tmp_path / "none"))
    with pytest.raises(ValueError, match="there are no shards in .*none: see the comment above its experiment"):
        flow.training_features(planned)
    shutil.copytree(flow.features / "test", tmp_path / "leaking" / "train")
    (planned,) = plan_of(Variant(train={}, features=tmp_path / "leaking"))
    with pytest.raises(ValueError, match=r"(\d+) of the \1 evaluated sources are among those that .*curation.split"):
        flow.training_features(planned)
    (planned,) = plan_of(Variant(train={}, features=flow.features))
    assert flow.training_features(planned) == flow.features


def plan_of(variant: Variant) -> list[Planned]:
    return plan(TRAIN, ExperimentConfig(variants={"other": variant, "silence": Variant(kind="silence")}))[:1]


def test_the_report_plays_every_system_under_the_same_clips(ran, world, tmp_path):
    table, work = ran
    page = write_experiment_report(
        tmp_path, "comparison", table, work, world.clip, world.features, world.manifest, shown=2, worst=1
    )
    text = page.read_text()
    assert "Quoted from the paper" in text and "below flow_peaks (" in text and "nothing at all" in text
    films = {path.name for path in (tmp_path / "comparison-media").glob("*.mp4")}
    assert len(films) == 2 * (len(VARIANTS) + 1)  # and the true music
    assert all(f"comparison-media/{name}" in text for name in films)
