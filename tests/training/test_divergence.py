import pytest
import torch
import torch.distributed as dist

from vmas_pipeline.training.config import DivergenceConfig
from vmas_pipeline.training.divergence import LossGuard, TrainingDiverged


@pytest.fixture(scope="module", autouse=True)
def process_group(tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def losses(guard: LossGuard, *values: float) -> list[bool]:
    return [guard.accepts(torch.tensor(value), step) for step, value in enumerate(values, start=1)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_by_default(value):
    with pytest.raises(
        TrainingDiverged, match=rf"the loss is {value} at step 2: lower train\.optimiser\.learning_rate"
    ):
        losses(LossGuard(DivergenceConfig()), 3.0, value)


def test_it_is_left_out_where_asked_until_there_are_too_many_in_a_row(capsys):
    guard = LossGuard(DivergenceConfig(policy="skip", most_in_a_row=2))
    nan = float("nan")
    assert losses(guard, 3.0, nan, nan, 3.0, nan, nan) == [True, False, False, True, False, False]
    assert "the loss is nan at step 2: the micro-batch is left out" in capsys.readouterr().out
    with pytest.raises(TrainingDiverged, match="5 left out so far, 2 in a row at most"):
        losses(guard, nan)


def test_a_spike_is_measured_by_the_median_of_the_last_losses():
    guard = LossGuard(DivergenceConfig(policy="skip", spike=3.0))
    assert all(losses(guard, 100.0, *[1.0, 1.1] * 30))  # the first is no spike: nothing is usual yet
    assert losses(guard, 3.0, 3.5, 1.0) == [True, False, True]


def test_a_guard_goes_on_as_if_never_stopped():
    first, second = (LossGuard(DivergenceConfig(policy="skip", spike=3.0)) for _ in range(2))
    losses(first, *[1.0] * 60, float("nan"))
    second.load(first.state())
    assert losses(second, 3.5) == losses(first, 3.5) == [False]
    assert second.left_out == 2
