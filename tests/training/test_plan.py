from dataclasses import replace

import pytest

from vmas_pipeline.training.config import EngineConfig, ModelConfig, OptimiserConfig, TrainConfig
from vmas_pipeline.training.plan import plan

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
    """Rajbhandari et al. 2020, figure 1: bytes a weight for Adam in half precision."""
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


def test_the_plan_reads_as_lines(paper):
    text = "\n".join(paper.lines(PAPER))
    assert "192 clips on 32 ranks" in text
    assert "stage 2 4.6" in text
