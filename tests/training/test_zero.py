"""DeepSpeed's ZeRO stages on two ranks, against a plain loop of one process over the same batches."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter

from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import EngineConfig, ObjectiveConfig, OptimiserConfig, TrainConfig
from vmas_pipeline.training.data import Positions, ShuffledClips, TrainingBatch, training_batches
from vmas_pipeline.training.loop import Job
from vmas_pipeline.training.objective import batch_losses
from vmas_pipeline.training.optimisation import MovingAverage, build_optimiser, learning_rate_factor

pytestmark = pytest.mark.flow

STEPS = 12
OBJECTIVE = ObjectiveConfig(contrastive_weight=0.0, condition_dropout=0.0)
ADAMW = OptimiserConfig(warmup_steps=2)
DADAPT = OptimiserConfig(name="dadapt_adam", learning_rate=1.0, warmup_steps=2)
MUON = OptimiserConfig(name="muon", warmup_steps=2)
FROZEN = OptimiserConfig(warmup_steps=2, lr_multipliers={"video_encoder": 0, "heads": 0})
PRODIGY = OptimiserConfig(name="prodigy", learning_rate=1.0, warmup_steps=2)


def engine(**changes) -> EngineConfig:
    return EngineConfig(**{"processes": 2, "micro_batch": 2, **changes})


WHOLE = {
    "zero 2, offloaded": (ADAMW, engine(zero_stage=2, offload=True)),
    "zero 2, bf16": (ADAMW, engine(zero_stage=2, precision="bf16")),
    "zero 3, bf16": (ADAMW, engine(zero_stage=3, precision="bf16")),
    "zero 1, accumulated": (ADAMW, engine(zero_stage=1, micro_batch=1, accumulation=2)),
    "muon, zero 0": (MUON, engine(zero_stage=0)),
    "d-adaptation, zero 0": (DADAPT, engine(zero_stage=0)),
    "d-adaptation, zero 3": (DADAPT, engine(zero_stage=3)),
    "frozen, zero 3": (FROZEN, engine(zero_stage=3)),
}
"""Runs without a break."""


@pytest.fixture(scope="module")
def config(small_config) -> TrainConfig:
    return small_config(objective=OBJECTIVE, steps=STEPS, ema_decay=0.9)


BROKEN_OFF = {
    **{f"zero {stage}": (ADAMW, engine(zero_stage=stage)) for stage in (0, 1, 2, 3)},
    "zero 2, bf16": (ADAMW, engine(zero_stage=2, precision="bf16")),
    "muon, zero 1": (MUON, engine(zero_stage=1)),
    "muon, zero 2": (MUON, engine(zero_stage=2)),
    "d-adaptation, zero 0": (DADAPT, engine(zero_stage=0)),
    "d-adaptation, zero 2": (DADAPT, engine(zero_stage=2)),
    "prodigy, zero 0": (PRODIGY, engine(zero_stage=0)),
}
"""Runs that end in the middle, with a checkpoint."""

ON_TWO_RANKS = {
    "zero 0": engine(zero_stage=3),
    "zero 1": engine(zero_stage=2),
    "zero 2": engine(zero_stage=0),
    "zero 3": engine(zero_stage=1, micro_batch=1, accumulation=2),
    "zero 2, bf16": engine(zero_stage=3, precision="bf16"),
    "muon, zero 1": engine(zero_stage=0),
    "d-adaptation, zero 2": engine(zero_stage=3),
}
ON_ONE_RANK = {
    "zero 1": engine(processes=1, micro_batch=4, zero_stage=2),
    "zero 3": engine(processes=1, micro_batch=4, zero_stage=0),
    "muon, zero 2": engine(processes=1, micro_batch=4, zero_stage=1),
    "d-adaptation, zero 0": engine(processes=1, micro_batch=2, accumulation=2, zero_stage=0),
    "prodigy, zero 0": engine(processes=1, micro_batch=4, zero_stage=0),
}
"""How some of them resume."""


def launch(jobs: dict[str, tuple[Job, int]], ranks: int, folder: Path) -> dict[str, dict]:
    """Jobs one after the other, each until a step, by some ranks in one launch."""
    folder.mkdir()
    (folder / "jobs.json").write_bytes(TypeAdapter(dict[str, tuple[Job, int]]).dump_json(jobs))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    script = Path(__file__).with_name("ranks.py")
    subprocess.run([*command, str(script), str(folder / "jobs.json"), str(folder / "out.pt")], check=True, timeout=280)
    return torch.load(folder / "out.pt", weights_only=True)


@pytest.fixture(scope="module")
def results(config, features, codec, clip, tmp_path_factory) -> dict[str, dict[str, dict]]:
    """What the runs made: WHOLE, and what became of BROKEN_OFF on two ranks and on one."""
    folder = tmp_path_factory.mktemp("runs")

    def job(optimiser: OptimiserConfig, layout: EngineConfig, checkpoints: str) -> Job:
        return Job(
            train=replace(config, optimiser=optimiser, engine=layout), clip=clip, features=str(features), codec=codec,
            model=folder / "model", checkpoints=folder / checkpoints, result=folder / "result.json",
        )  # fmt: skip

    jobs = {name: (job(*settings, f"whole {name}"), STEPS) for name, settings in WHOLE.items()}
    jobs |= {f"broken off: {name}": (job(*settings, name), STEPS // 2) for name, settings in BROKEN_OFF.items()}
    jobs |= {
        f"continued: {name}": (job(BROKEN_OFF[name][0], layout, name), STEPS) for name, layout in ON_TWO_RANKS.items()
    }
    two = launch(jobs, 2, folder / "two")
    one = launch(
        {name: (job(BROKEN_OFF[name][0], layout, name), STEPS) for name, layout in ON_ONE_RANK.items()},
        1,
        folder / "one",
    )
    return {"two": two, "one": one}


@pytest.fixture(scope="module")
def runs(results) -> dict[str, dict]:
    return results["two"]


def plain(config: TrainConfig, features: Path, codec: Path, optimiser: OptimiserConfig, one_group: bool) -> dict:
    """The same training without DeepSpeed and without ranks: each step averages the gradients of both streams."""
    vectors = load_codec(codec).code_vectors
    torch.manual_seed(config.seed)
    model = VMAs(config.model.build(), vectors).train()
    stepper = build_optimiser(model, optimiser)
    if one_group:
        stepper = type(stepper)(
            model.parameters(), lr=1.0, betas=optimiser.betas, weight_decay=optimiser.weight_decay, decouple=True
        )
    schedule = torch.optim.lr_scheduler.LambdaLR(stepper, lambda step: learning_rate_factor(step, STEPS, optimiser))
    clips = ShuffledClips(features, seed=config.seed)
    stack = TrainingBatch(config.model.build(), config.objective, config.seed)
    streams = [training_batches(clips, Positions(0, 2, rank, ranks=2), stack) for rank in (0, 1)]
    average, losses = MovingAverage(model.named_parameters(), config.ema_decay), []
    for _ in range(STEPS):
        parts = [batch_losses(model(b.conditions, b.codes), b, OBJECTIVE).total for b in map(next, streams)]
        loss = sum(parts) / 2
        stepper.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), optimiser.max_grad_norm)
        stepper.step()
        schedule.step()
        average.update(model.named_parameters())
        losses.append(loss.item())
    return {"losses": losses, "average": average.average, "d": stepper.param_groups[0].get("d")}


@pytest.fixture(scope="module")
def reference(config, features, codec) -> dict:
    return plain(config, features, codec, ADAMW, one_group=False)


@pytest.fixture(scope="module")
def muons_reference(config, features, codec) -> dict:
    return plain(config, features, codec, MUON, one_group=False)


def assert_same(run: dict, reference: dict, tolerance: float) -> None:
    assert run["losses"] == pytest.approx(reference["losses"], rel=tolerance)
    assert_same_average(run, reference, tolerance)


def assert_same_average(run: dict, reference: dict, tolerance: float) -> None:
    for name, value in reference["average"].items():
        torch.testing.assert_close(run["average"][name], value, atol=tolerance, rtol=tolerance, msg=name)


def joined(first: dict, second: dict) -> dict:
    """A run that broke off and the one that continued it, as one run."""
    return {**second, "losses": first["losses"] + second["losses"]}


@pytest.mark.parametrize("name", ["zero 0", "zero 1", "zero 2"])
def test_losses_and_average_are_those_of_a_plain_loop_under_every_stage_and_on_to_another(runs, reference, name):
    assert_same(joined(runs[f"broken off: {name}"], runs[f"continued: {name}"]), reference, tolerance=1e-4)


def test_sharded_weights_go_on_whole_with_accumulated_micro_batches(runs, reference):
    first, second = runs["broken off: zero 3"], runs["continued: zero 3"]
    assert first["losses"] == pytest.approx(reference["losses"][: STEPS // 2], rel=1e-4)
    assert_same_average(second, reference, tolerance=1e-4)


def test_an_offloaded_optimiser_steps_as_a_plain_loop(runs, reference):
    assert_same(runs["zero 2, offloaded"], reference, tolerance=1e-4)


def test_frozen_parts_stay_as_they_were(runs, config, codec):
    vectors = load_codec(codec).code_vectors
    torch.manual_seed(config.seed)
    start = dict(VMAs(config.model.build(), vectors).named_parameters())
    average = runs["frozen, zero 3"]["average"]
    changed = {name for name, value in average.items() if not torch.allclose(value, start[name], rtol=1e-6, atol=1e-7)}
    assert changed and all(name.startswith("music_decoder.") for name in changed)


def test_accumulated_micro_batches_step_as_one_batch(runs, reference):
    assert_same_average(runs["zero 1, accumulated"], reference, tolerance=1e-4)


@pytest.mark.parametrize("name", ["zero 2, bf16", "zero 3, bf16"])
def test_under_bf16_the_average_is_of_weights_that_are_not_rounded(runs, reference, name):
    assert runs[name]["losses"] == pytest.approx(reference["losses"], rel=0.02)
    values = torch.cat([value.flatten() for value in runs[name]["average"].values()])
    assert values.dtype == torch.float32
    assert (values != values.bfloat16().float()).float().mean() > 0.9
    distance = max(
        float((runs[name]["average"][key] - value).abs().max()) for key, value in reference["average"].items()
    )
    assert distance < 0.02


@pytest.mark.parametrize(("stage", "one_group"), [(0, False), (3, True)])
def test_d_adaptation_finds_the_rate_of_the_plain_optimiser(runs, config, features, codec, stage, one_group):
    expected = plain(config, features, codec, DADAPT, one_group)
    run = runs[f"d-adaptation, zero {stage}"]
    assert expected["d"] > 2e-6  # it has left its start of 1e-6
    assert run["d"] == pytest.approx(float(expected["d"]), rel=1e-3)
    assert run["losses"] == pytest.approx(expected["losses"], rel=1e-4)


def test_muon_steps_as_in_a_plain_loop(runs, muons_reference):
    assert_same(runs["muon, zero 0"], muons_reference, tolerance=1e-4)


def test_muons_momentum_goes_on_under_another_stage_and_with_one_rank(runs, results, muons_reference):
    other_stage = joined(runs["broken off: muon, zero 1"], runs["continued: muon, zero 1"])
    one_rank = joined(runs["broken off: muon, zero 2"], results["one"]["muon, zero 2"])
    for run in (other_stage, one_rank):
        assert_same(run, muons_reference, tolerance=1e-4)


@pytest.mark.parametrize("name", ["zero 1", "zero 3"])
def test_a_checkpoint_of_two_ranks_goes_on_with_one(runs, results, reference, name):
    assert_same(joined(runs[f"broken off: {name}"], results["one"][name]), reference, tolerance=1e-4)


def test_under_bf16_a_checkpoint_keeps_weights_that_are_not_rounded(runs):
    whole, continued = (
        torch.cat([value.flatten() for value in runs[name]["average"].values()])
        for name in ("zero 2, bf16", "continued: zero 2, bf16")
    )
    rounding = (whole - whole.bfloat16().float()).abs()
    assert (whole - continued).abs().median() < rounding.median() / 3


def test_d_adaptation_goes_on_with_the_rate_that_it_had_found(runs, results, config, features, codec):
    for name, continued, one_group in (
        ("d-adaptation, zero 2", runs["continued: d-adaptation, zero 2"], True),
        ("d-adaptation, zero 0", results["one"]["d-adaptation, zero 0"], False),
    ):
        expected = plain(config, features, codec, DADAPT, one_group)
        run = joined(runs[f"broken off: {name}"], continued)
        assert run["d"] == pytest.approx(float(expected["d"]), rel=1e-3)
        if name == "d-adaptation, zero 2":  # the other reports the last accumulated micro-batch alone
            assert run["losses"] == pytest.approx(expected["losses"], rel=1e-4)


def test_prodigy_goes_on_with_the_rate_that_it_had_found(results, config, features, codec):
    expected = plain(config, features, codec, PRODIGY, one_group=False)
    assert results["one"]["prodigy, zero 0"]["d"] == pytest.approx(float(expected["d"]), rel=1e-3)
    assert results["one"]["prodigy, zero 0"]["losses"] == pytest.approx(expected["losses"][STEPS // 2 :], rel=1e-4)
