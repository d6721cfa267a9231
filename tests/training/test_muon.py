from copy import deepcopy

import pytest
import torch

from vmas_pipeline.model.config import vmas_base
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import EngineConfig, OptimiserConfig, TrainConfig
from vmas_pipeline.training.muon import orthogonalise
from vmas_pipeline.training.optimisation import build_optimiser

CONFIG = OptimiserConfig(name="muon", learning_rate=1e-3, matrix_learning_rate=2e-3, weight_decay=0.1)


def test_its_steps_are_those_of_torchs_muon_and_adamw():
    torch.manual_seed(0)
    ours = VMAs(vmas_base())
    theirs = deepcopy(ours)
    stepper = build_optimiser(ours, CONFIG)
    names = {id(parameter): name for name, parameter in ours.named_parameters()}
    inner = {names[id(p)] for group in stepper.param_groups if group["shapes"] for p in group["params"]}
    assert "music_decoder.layers.0.linear1.weight" in inner and "video_encoder.blocks.0.attn.qkv.weight" in inner
    assert not any("embeddings" in name or "outputs" in name or "projection" in name for name in inner)
    muon = torch.optim.Muon(
        [p for name, p in theirs.named_parameters() if name in inner],
        lr=2e-3,
        weight_decay=0.1,
        adjust_lr_fn="match_rms_adamw",
    )
    decayed = {names[id(p)] for group in stepper.param_groups if group["weight_decay"] for p in group["params"]}
    rest = [(name, p) for name, p in theirs.named_parameters() if name not in inner]
    adamw = torch.optim.AdamW(
        [
            {"params": [p for name, p in rest if name in decayed], "weight_decay": 0.1},
            {"params": [p for name, p in rest if name not in decayed], "weight_decay": 0.0},
        ],
        lr=1e-3,
        betas=CONFIG.betas,
    )
    for _ in range(3):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        for optimiser in (stepper, muon, adamw):
            optimiser.step()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        tolerance = 2e-4 if name in inner else 1e-6  # of steps of 4e-4; torch's are made in bfloat16
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=1e-5, msg=name)


@pytest.mark.parametrize("engine", [EngineConfig(zero_stage=3), EngineConfig(offload=True)])
def test_layouts_without_whole_matrices_are_refused(engine):
    with pytest.raises(ValueError, match=r"train.optimiser.name muon needs whole matrices .* choose adamw"):
        TrainConfig(steps=1, optimiser=CONFIG, engine=engine)


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4)])
def test_singular_vectors_stay_and_singular_values_come_near_one(shape):
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = left.mT @ orthogonalise(matrices) @ right.mT
    own = values.diagonal(dim1=1, dim2=2)
    assert own.min() > 0.3 and own.max() < 1.3
    assert (values - torch.diag_embed(own)).abs().max() < 1e-4
