import math
from dataclasses import replace

import pytest
import torch

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import ObjectiveConfig
from vmas_pipeline.training.data import held_out_batches
from vmas_pipeline.training.objective import batch_losses, validation_metrics


@pytest.fixture(scope="module")
def batch(features):
    return held_out_batches(features, "validation", 4, 4, with_overrides(vmas_base(), {"video": {"frame_size": 16}}))[0]


@pytest.fixture(scope="module")
def model(small_config) -> VMAs:
    torch.manual_seed(0)
    return VMAs(small_config().model.build(), torch.randn(4, 256, 64)).eval()


def test_the_total_is_its_parts_as_weighted(model, batch):
    config = ObjectiveConfig(contrastive_weight=0.3)
    losses = batch_losses(model(batch.conditions, batch.codes), batch, config)
    assert losses.total.item() == pytest.approx((losses.autoregressive + 0.3 * losses.contrastive).item())


def test_every_codebook_and_the_beats_of_the_first_are_told(model, batch):
    output = model(batch.conditions, batch.codes)
    metrics = batch_losses(output, batch, ObjectiveConfig()).metrics()
    for k in range(4):
        expected = torch.nn.functional.cross_entropy(output.logits[:, k].flatten(0, 1), batch.codes[:, k].flatten())
        assert metrics[f"codebook_{k}"] == pytest.approx(expected.item())
    on_beats = batch.beat_weights >= 1
    expected = torch.nn.functional.cross_entropy(output.logits[:, 0][on_beats], batch.codes[:, 0][on_beats])
    assert metrics["beat_frames"] == pytest.approx(expected.item())


def test_beat_weights_count_only_where_asked_for(model, batch):
    output = model(batch.conditions, batch.codes)
    weighted = batch_losses(output, batch, ObjectiveConfig(beat_weighting=True)).autoregressive
    plain = batch_losses(output, batch, ObjectiveConfig(beat_weighting=False)).autoregressive
    assert plain > weighted  # weights are 1 on a tenth of the frames and a half elsewhere


def test_normalised_beat_weights_leave_the_loss_an_average(model, batch):
    output, uniform = model(batch.conditions, batch.codes), replace(batch, beat_weights=0.5 * batch.beat_weights)
    config = ObjectiveConfig(normalise_beat_weights=True)
    expected = batch_losses(output, batch, config).autoregressive.item()
    assert batch_losses(output, uniform, config).autoregressive.item() == pytest.approx(expected)
    plain = batch_losses(output, batch, ObjectiveConfig(beat_weighting=False)).autoregressive.item()
    assert expected == pytest.approx(plain, rel=0.05)  # not halved by weights of a half


def test_shifts_add_negatives_to_the_contrast(model, batch):
    output = model(batch.conditions, batch.codes)
    plain = batch_losses(output, batch, ObjectiveConfig()).contrastive.item()
    shifted = batch_losses(output, batch, ObjectiveConfig(contrastive_shifts=(2, 4, 6))).contrastive.item()
    assert plain == pytest.approx(math.log(4), abs=0.8)  # an untrained model among 4, and among 7
    assert shifted == pytest.approx(math.log(7), abs=0.8)


def test_an_untrained_model_is_near_chance_and_has_no_gap(model, batch):
    metrics = validation_metrics(model, [batch])
    assert math.log(256) <= metrics["codebook_0"] <= math.log(256) + 1  # logits of unit variance cost half a nat
    assert metrics["gap"] == pytest.approx(metrics["codebook_0_shuffled"] - metrics["codebook_0"])
    assert abs(metrics["gap"]) < 0.2
