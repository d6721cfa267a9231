import pytest
import torch

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.adapters import add_adapters, merged
from vmas_pipeline.training.config import AdapterConfig

SIZES = with_overrides(vmas_base(), {"decoder": {"width": 32, "heads": 2}})
ADAPTERS = AdapterConfig(rank=2, alpha=6)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (2, 48, 32, 32, 3), dtype=torch.uint8)
    return Conditions.of_video(frames), torch.randint(0, 256, (2, 4, 20))


@pytest.fixture
def model() -> VMAs:
    torch.manual_seed(1)
    return VMAs(SIZES)


@torch.no_grad()
def test_adapters_add_nothing_at_first_and_are_all_that_is_trained(model, batch):
    before = model(*batch).logits
    add_adapters(model, ADAPTERS)
    assert torch.equal(model(*batch).logits, before)
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    assert all(".lora_A." in name or ".lora_B." in name for name in trained)
    width, inner = 32, 96
    shapes = [
        (width, 3 * width),
        (width, width),
        (width, width),
        (width, 2 * width),
        (width, width),
        (width, inner),
        (inner, width),
    ]
    assert sum(trained.values()) == 2 * sum(2 * (a + b) for a, b in shapes)  # two layers, rank 2


@torch.no_grad()
def test_merged_weights_compute_what_adapters_compute(model, batch):
    add_adapters(model, ADAPTERS)
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            parameter.normal_(std=0.1)
    weights = dict(model.named_parameters())
    plain = merged(VMAs(SIZES), weights, ADAPTERS)
    assert set(plain.state_dict()) == set(VMAs(SIZES).state_dict())
    torch.testing.assert_close(plain(*batch).logits, model(*batch).logits, atol=1e-5, rtol=1e-5)
