from dataclasses import replace

import pytest
import torch

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import vmas_base
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import AdapterConfig, EngineConfig, ModelConfig, OptimiserConfig, TrainConfig
from vmas_pipeline.training.plan import kept_activations, plan

PAPER = TrainConfig(
    model=ModelConfig(size="vmas_paper"),
    optimiser=OptimiserConfig(name="adamw"),
    engine=EngineConfig(processes=8, nodes=4, zero_stage=2, precision="bf16", micro_batch=6),
    steps=100,
)


@pytest.fixture(scope="module")
def paper():
    return plan(PAPER)


def test_parameters_are_those_of_the_model(paper):
    assert paper.parameters["music decoder"] == pytest.approx(1.839e9, rel=1e-3)
    assert paper.clips_a_step == 192


def test_memory_is_that_of_the_zero_paper(paper):
    """Rajbhandari et al. 2020, figure 1: bytes per weight for Adam in half precision."""
    weights = sum(paper.parameters.values())
    expected = [16, 4 + 12 / 32, 2 + 14 / 32, 16 / 32]
    assert [paper.memory[stage] / weights for stage in range(4)] == pytest.approx(expected)


def test_a_clip_costs_six_operations_a_weight_and_token_and_the_encoder(paper):
    decoder = 6 * paper.parameters["music decoder"] * 503
    encoder = 6 * 76.2e9
    assert paper.clip_flop == pytest.approx(decoder + encoder, rel=0.1)  # attention comes on top, embeddings do not


def test_offloaded_states_are_not_on_the_gpu():
    offloaded = plan(replace(PAPER, engine=replace(PAPER.engine, processes=1, nodes=1, offload=True)))
    weights = sum(offloaded.parameters.values())
    assert offloaded.memory[2] / weights == pytest.approx(4)


def test_adapters_have_gradients_and_states_and_frozen_weights_none():
    adapted = replace(PAPER, adapters=AdapterConfig(rank=8), engine=replace(PAPER.engine, processes=1, nodes=1))
    found = plan(adapted)
    total = sum(found.parameters.values())
    width = 1536  # qkv, out, q, kv, out and the two of the MLP, with rows and columns of rank 8
    adapters = 48 * 8 * width * (4 + 2 + 2 + 3 + 2 + 5 + 5)
    assert found.memory[2] == pytest.approx(2 * total + 14 * adapters)


def test_what_is_computed_again_is_not_kept():
    small = {"video": {"frames": 8}, "decoder": {"width": 128}}
    config = TrainConfig(steps=1, model=ModelConfig(overrides=small), engine=EngineConfig(micro_batch=2))
    everything = plan(config).activations
    encoder, nearly_nothing = (
        plan(replace(config, engine=replace(config.engine, activation_checkpointing=parts))).activations
        for parts in ("encoder", "all")
    )
    assert nearly_nothing < encoder < everything
    assert plan(replace(config, engine=replace(config.engine, micro_batch=4))).activations == 2 * everything


def test_activations_are_those_that_a_forward_pass_keeps():
    torch.manual_seed(0)
    model, kept = VMAs(vmas_base()), {}
    weights = {p.data_ptr() for p in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = model(
            Conditions.of_video(torch.zeros(1, 48, 32, 32, 3, dtype=torch.uint8)),
            torch.zeros(1, 4, 250, dtype=torch.int64),
        )
    assert held.logits.shape == (1, 4, 250, 256)
    assert kept_activations(TrainConfig(steps=1)) == pytest.approx(sum(kept.values()), rel=0.02)


def test_a_training_that_does_not_fit_is_refused_with_what_would(paper):
    paper.check(PAPER, 80e9)
    with pytest.raises(ValueError, match=r"needs about \d+\.\d GB .*which has 16\.0: .*activation_checkpointing"):
        paper.check(PAPER, 16e9)


def test_a_contrast_of_single_clips_is_refused():
    with pytest.raises(ValueError, match="contrastive_weight needs two clips at once"):
        TrainConfig(steps=1, engine=EngineConfig(micro_batch=1))


def test_the_plan_reads_as_lines(paper):
    text = "\n".join(paper.lines(PAPER))
    assert "192 clips on 32 ranks" in text
    assert "stage 2 4.6" in text
