from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.experiments.config import ExperimentConfig, Variant, plan
from vmas_pipeline.pipelines.experiments import EXPERIMENTS
from vmas_pipeline.settings import CONFIG_LOADER_ARGS
from vmas_pipeline.systems import SYSTEMS
from vmas_pipeline.training.config import TrainConfig

CONF = Path(__file__).parents[2] / "conf" / "base"


@pytest.fixture(scope="module")
def base() -> TrainConfig:
    values = yaml.safe_load((CONF / "parameters.yml").read_text())["train"]
    return TypeAdapter(TrainConfig).validate_python(values)


def experiment(name: str, environment: str = "base") -> tuple[TrainConfig, ExperimentConfig]:
    loader = OmegaConfigLoader(str(CONF.parent), env=environment, **CONFIG_LOADER_ARGS)
    values = loader["parameters"]
    train = TypeAdapter(TrainConfig).validate_python(values["train"])
    return train, TypeAdapter(ExperimentConfig).validate_python(values[name])


def of(**variants) -> ExperimentConfig:
    return ExperimentConfig(variants={name: v and Variant(**v) for name, v in variants.items()})


def test_the_ablations_variants_are_the_rows_of_table_5_and_the_papers_conditioning():
    variants = [planned.train for planned in plan(*experiment("ablation"))]
    assert [v.objective.contrastive_weight > 0 for v in variants] == [False] + [True] * 5
    assert [v.objective.beat_weighting for v in variants] == [False, False] + [True] * 4
    assert [v.model.build().decoder.time_aligned_path for v in variants] == [True] * 5 + [False]
    assert [list(v.model.build().curves) for v in variants] == [["events", "peaks"]] * 4 + [[], []]
    assert [v.objective.normalise_beat_weights for v in variants] == [False] * 3 + [True] + [False] * 2


@pytest.mark.parametrize(("environment", "frames"), [("base", 48), ("paper", 96)])
def test_vidmusicgen_sees_sixteen_frames_and_no_term_for_alignment(environment, frames):
    rows = {planned.name: planned for planned in plan(*experiment("comparison", environment))}
    train = rows["vidmusicgen"].train
    model = train.model.build()
    assert (train.objective.contrastive_weight, train.objective.beat_weighting) == (0, False)
    assert (dict(model.curves), model.decoder.time_aligned_path, frames // model.frame_stride) == ({}, False, 16)
    assert rows["vmas"].train is None  # the flow's own model


@pytest.mark.parametrize(("environment", "frames"), [("base", (48, 8, 8)), ("paper", (96, 16, 16))])
def test_the_encoders_are_compared_under_the_papers_conditioning_with_the_frames_that_each_sees(environment, frames):
    models = [planned.train.model.build() for planned in plan(*experiment("encoders", environment))]
    assert tuple(model.video.frames for model in models) == frames
    assert {model.frames_per_clip for model in models} == {frames[0]}
    assert [(dict(model.curves), model.pool_video) for model in models] == [({}, False)] * 3
    assert [model.video.kind for model in models] == ["hiera", "hiera", "clip_vit"]


def test_features_belong_to_what_is_trained():
    with pytest.raises(ValidationError, match=r"features \(elsewhere\) are what a variant is trained on, and this one"):
        Variant(features=Path("elsewhere"))


@pytest.mark.parametrize("environment", ["base", "smoke", "paper"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_of_every_environment_is_a_known_kind_that_one_machine_trains(name, environment):
    for planned in plan(*experiment(name, environment)):
        assert planned.variant.kind in SYSTEMS
        if isinstance(planned.train, TrainConfig):
            assert planned.train.model.build() and planned.train.engine.nodes == 1


def test_a_variant_differs_in_what_it_names_alone(base):
    config = ExperimentConfig(
        variants={
            "plain": Variant(train={}),
            "deep": Variant(train={"model": {"overrides": {"decoder": {"layers": 3}}}}),
        },
        train={"steps": 7},
        seeds=(5,),
    )
    plain, deep = (planned.train for planned in plan(base, config))
    assert plain.steps == deep.steps == 7 and plain.seed == deep.seed == 5
    assert deep.model.build().decoder.layers == 3
    assert plain.optimiser == deep.optimiser == base.optimiser


def test_a_variant_with_an_unknown_setting_is_named(base):
    with pytest.raises(ValueError, match=r"variant odd does not fit .*objective\.contrast"):
        plan(base, of(plain={"train": {}}, odd={"train": {"objective": {"contrast": 1}}}))


def test_what_is_not_ours_is_not_trained_by_us():
    with pytest.raises(ValidationError, match="train belongs to kinds vmas, mvpt, .* without a source, not to silence"):
        Variant(kind="silence", train={})


def test_another_kinds_training_has_its_own_settings(base):
    config = of(ours={}, theirs={"kind": "mvpt", "train": {"steps": 7}})
    assert (plan(base, config)[1].train.steps, plan(base, config)[1].train.seed) == (7, 0)
    with pytest.raises(ValueError, match=r"variant theirs does not fit .*objective"):
        plan(base, of(ours={}, theirs={"kind": "mvpt", "train": {"objective": {}}}))


def test_a_comparison_needs_two():
    with pytest.raises(ValueError, match="a comparison needs two or more"):
        of(plain={})


def test_a_variant_of_null_is_left_out(base):
    config = of(plain={"train": {}}, gone=None, deep={"train": {"steps": 3}})
    assert [planned.name for planned in plan(base, config)] == ["plain", "deep"]
    with pytest.raises(ValueError, match="has 1 entries: a comparison needs two or more"):
        of(plain={}, gone=None)


def test_two_variants_that_are_one_are_refused(base):
    same = of(plain={"train": {}}, same={"train": {"steps": base.steps}})
    with pytest.raises(ValueError, match="variants plain and same are the same here: set variants.same to null"):
        plan(base, same)


def test_an_unknown_variant_cannot_be_run_alone():
    with pytest.raises(ValidationError, match="only is third, which is no variant: choose one of plain, deep"):
        ExperimentConfig(variants={"plain": Variant(), "deep": Variant(kind="silence")}, only="third")


def test_the_papers_ablation_trains_its_rows_and_one_with_curves():
    paper_rows = {"autoregressive", "contrastive", "contrastive_and_beats", "normalised_beats"}
    assert {planned.name for planned in plan(*experiment("ablation", "paper"))} == paper_rows | {"curves"}
