import pytest
import torch

from vmas_pipeline.model.decoder_layer import TimeBias


def test_time_bias_falls_with_distance_at_first_and_is_flat_beyond_its_reach():
    bias = TimeBias(heads=2, reach=4)
    values = bias(torch.tensor([[0.0, 0.5, 2.0, -2.0, 4.0, 100.0]]))  # [h, 1, 6]
    assert values[0, 0].tolist() == pytest.approx([0, -0.5, -2, -2, -4, -4])
    assert values[1, 0].tolist() == pytest.approx([0, -0.25, -1, -1, -2, -2])
