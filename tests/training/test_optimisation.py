import pytest
import torch

from vmas_pipeline.model.config import vmas_base
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import OptimiserConfig
from vmas_pipeline.training.optimisation import (
    MovingAverage,
    build_optimiser,
    freeze,
    learning_rate_factor,
    parameter_groups,
    part_of,
)


def test_only_matrices_decay():
    model = VMAs(vmas_base())
    decayed, rest = (
        [
            p
            for group in parameter_groups(model, OptimiserConfig())
            for p in group["params"]
            if bool(group["weight_decay"]) is decays
        ]
        for decays in (True, False)
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all(parameter.dim() > 1 for parameter in decayed)
    assert not any(
        "pos_embed" in names[id(p)] or "embeddings" in names[id(p)] or "norm" in names[id(p)] for p in decayed
    )
    assert len(decayed) + len(rest) == len(names)
    assert any("knots" in names[id(p)] for p in rest) and any("embeddings" in names[id(p)] for p in rest)


def test_decay_of_all_weights_leads_the_temperature_back_to_its_start():
    """As under ZeRO with D-Adaptation or Prodigy, where all weights are one group."""
    model = VMAs(vmas_base())
    with torch.no_grad():
        model.log_temperature_change += 1.0
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.5, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for _ in range(40):
        optimiser.step()
    assert model.log_temperature_change.item() == pytest.approx(0, abs=1e-4)


def test_each_part_has_its_own_rate_and_a_frozen_one_is_not_stepped():
    model = VMAs(vmas_base())
    config = OptimiserConfig(learning_rate=1e-3, lr_multipliers={"video_encoder": 0, "music_decoder": 0.1})
    freeze(model, config)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in parameter_groups(model, config) for p in group["params"]}
    assert {part_of(name) for name in rates} == {"music_decoder", "heads"}
    assert {part_of(name): rate for name, rate in rates.items()} == {
        "music_decoder": pytest.approx(1e-4),
        "heads": pytest.approx(1e-3),
    }


def test_a_part_cannot_have_a_rate_of_its_own_where_the_rate_is_found():
    with pytest.raises(ValueError, match=r"lr_multipliers\.video_encoder \(0\.1\) must be 0 or 1: dadapt_adam"):
        OptimiserConfig(name="dadapt_adam", lr_multipliers={"video_encoder": 0.1})
    OptimiserConfig(name="dadapt_adam", lr_multipliers={"video_encoder": 0})


def test_the_rate_rises_linearly_and_falls_as_half_a_cosine():
    config = OptimiserConfig(warmup_steps=10, min_lr_ratio=0.1)
    factors = [learning_rate_factor(step, 110, config) for step in (0, 4, 9, 10, 60, 110, 500)]
    assert factors == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.55, 0.1, 0.1])


@pytest.mark.parametrize("name", ["adamw", "dadapt_adam", "prodigy"])
def test_every_optimiser_lowers_a_quadratic(name):
    layer = torch.nn.Linear(4, 1)
    torch.nn.init.constant_(layer.weight, 2.0)
    rate = 0.05 if name == "adamw" else 1.0
    optimiser = build_optimiser(layer, OptimiserConfig(name=name, learning_rate=rate, weight_decay=0.0))
    before = layer.weight.square().sum().item()
    for _ in range(60):
        optimiser.zero_grad()
        (layer.weight.square().sum() + layer.bias.square().sum()).backward()
        optimiser.step()
    assert layer.weight.square().sum().item() < 0.9 * before


def test_the_moving_average_is_the_recursion_written_out():
    weight = torch.nn.Parameter(torch.zeros(1))
    average, expected = MovingAverage([("weight", weight)], decay=0.5), 0.0
    for step in range(1, 21):
        with torch.no_grad():
            weight.fill_(step)
        average.update([("weight", weight)])
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.average["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_an_average_that_is_not_kept_reads_the_weights_and_holds_nothing():
    read = []
    average = MovingAverage(((name, torch.zeros(2)) for name in "ab"), decay=0.5, kept=False)
    average.update((read.append(name) or (name, torch.ones(2))) for name in "ab")
    assert read == ["a", "b"]
    assert average.average == {}
