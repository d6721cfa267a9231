from dataclasses import replace
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.model.config import vmas_base, vmas_paper
from vmas_pipeline.settings import CONFIG_LOADER_ARGS
from vmas_pipeline.training.config import EngineConfig, ModelConfig, TrainConfig

CONF = Path(__file__).parents[2] / "conf"


def configured(environment: str) -> TrainConfig:
    loader = OmegaConfigLoader(str(CONF), env=environment, **CONFIG_LOADER_ARGS)
    return TypeAdapter(TrainConfig).validate_python(loader["parameters"]["train"])


def test_the_environments_train_the_sizes_that_they_are_named_after():
    base = replace(vmas_base(), curves={"events": 3, "peaks": 1}, pool_video=True, frame_stride=4)
    assert configured("base").model.build() == base
    assert configured("paper").model.build() == vmas_paper()


def test_the_paper_trains_as_the_paper_did():
    paper = configured("paper")
    assert paper.optimiser.name == "dadapt_adam" and paper.optimiser.learning_rate == 1.0
    assert paper.optimiser.warmup_steps == 4000
    assert paper.objective.codebook_weights is None
    assert (paper.ema_decay, paper.ema_every) == (0.99, 10)
    assert paper.engine.ranks * paper.engine.micro_batch == 192


def test_deepspeeds_configuration_follows_ours():
    derived = EngineConfig(zero_stage=2, precision="bf16", micro_batch=6, accumulation=2).deepspeed(max_grad_norm=1.0)
    assert derived["train_micro_batch_size_per_gpu"] == 6
    assert derived["gradient_accumulation_steps"] == 2
    assert derived["gradient_clipping"] == 1.0
    assert derived["zero_optimization"]["stage"] == 2
    assert derived["bf16"] == {"enabled": True}


def test_offloaded_states_are_told_to_deepspeed():
    derived = EngineConfig(zero_stage=3, offload=True).deepspeed(max_grad_norm=1.0)
    assert derived["zero_optimization"]["offload_optimizer"] == {"device": "cpu", "pin_memory": False}


@pytest.mark.parametrize("asked", [{"precision": "bf16"}, {"offload": True}])
def test_what_needs_a_zero_stage_is_refused_without_one(asked):
    with pytest.raises(ValidationError, match=r"train\.engine\.zero_stage 0 has no (precision bf16|offload)"):
        EngineConfig(zero_stage=0, **asked)


def test_unknown_keys_are_refused():
    with pytest.raises(ValidationError, match="step_count"):
        TypeAdapter(TrainConfig).validate_python({"step_count": 3})


def test_an_unknown_size_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"train\.model\.size \(huge\) is unknown: choose one of vmas_base, vmas_paper"
    ):
        ModelConfig(size="huge").build()
