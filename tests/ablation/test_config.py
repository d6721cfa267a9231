from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from pydantic import TypeAdapter

from vmas_pipeline.ablation.config import AblationConfig, plan, variant_config
from vmas_pipeline.settings import CONFIG_LOADER_ARGS
from vmas_pipeline.training.config import TrainConfig

CONF = Path(__file__).parents[2] / "conf" / "base"


@pytest.fixture(scope="module")
def base() -> TrainConfig:
    values = yaml.safe_load((CONF / "parameters.yml").read_text())["train"]
    return TypeAdapter(TrainConfig).validate_python(values)


def test_the_variants_are_the_rows_of_table_5_and_the_papers_conditioning(base):
    values = yaml.safe_load((CONF / "parameters.yml").read_text())["ablation"]
    config = TypeAdapter(AblationConfig).validate_python(values)
    variants = [variant_config(base, config, name, 0) for name in config.variants]
    assert [v.objective.contrastive_weight > 0 for v in variants] == [False] + [True] * 5
    assert [v.objective.beat_weighting for v in variants] == [False, False] + [True] * 4
    assert [v.model.build().decoder.time_aligned_path for v in variants] == [True] * 5 + [False]
    assert [list(v.model.build().curves) for v in variants] == [["events", "peaks"]] * 4 + [[], []]
    assert [v.objective.normalise_beat_weights for v in variants] == [False] * 3 + [True] + [False] * 2


def test_a_variant_differs_in_what_it_names_alone(base):
    config = AblationConfig(
        variants={"plain": {}, "deep": {"model": {"overrides": {"decoder": {"layers": 3}}}}}, train={"steps": 7}
    )
    plain, deep = (variant_config(base, config, name, 5) for name in config.variants)
    assert plain.steps == deep.steps == 7 and plain.seed == deep.seed == 5
    assert deep.model.build().decoder.layers == 3
    assert plain.optimiser == deep.optimiser == base.optimiser


def test_a_variant_with_an_unknown_setting_is_named(base):
    config = AblationConfig(variants={"plain": {}, "odd": {"objective": {"contrast": 1}}})
    with pytest.raises(ValueError, match=r"ablation variant odd does not fit .*objective\.contrast"):
        variant_config(base, config, "odd", 0)


def test_a_comparison_needs_two():
    with pytest.raises(ValueError, match="a comparison needs two or more"):
        AblationConfig(variants={"plain": {}})


def test_a_variant_of_null_is_left_out(base):
    config = AblationConfig(variants={"plain": {}, "gone": None, "deep": {"steps": 3}})
    assert [name for name, _, _ in plan(base, config)] == ["plain", "deep"]
    with pytest.raises(ValueError, match="has 1 entries: a comparison needs two or more"):
        AblationConfig(variants={"plain": {}, "gone": None})


def test_two_variants_that_are_one_training_are_refused(base):
    config = AblationConfig(variants={"plain": {}, "same": {"steps": base.steps}})
    with pytest.raises(ValueError, match="variants plain and same are the same training here: set .*same to null"):
        plan(base, config)


def test_at_the_papers_scale_the_variants_differ_and_one_machine_trains_them():
    loader = OmegaConfigLoader(str(CONF.parent), env="paper", **CONFIG_LOADER_ARGS)
    values = loader["parameters"]
    base = TypeAdapter(TrainConfig).validate_python(values["train"])
    planned = plan(base, TypeAdapter(AblationConfig).validate_python(values["ablation"]))
    paper_rows = {"autoregressive", "contrastive", "contrastive_and_beats", "normalised_beats"}
    assert {name for name, _, _ in planned} == paper_rows | {"curves"}
    assert all(settings.engine.nodes == 1 for _, _, settings in planned)
