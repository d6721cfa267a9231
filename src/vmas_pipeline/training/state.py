"""A run's weights and optimiser states, unsharded and by parameter name, independent of the ZeRO layout.

ZeRO concatenates parameters into flat tensors and gives each rank a part. The optimiser's states have the shape of
these tensors: the functions that gather or scatter the weights work for the states too, temporarily copied into the
weights' place. A checkpoint written this way can be read under any stage and by any number of ranks.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine

Weights = Iterable[tuple[str, Tensor]]
"""Names and values, one after the other."""

WEIGHTS = "weights.safetensors"
STATE = "optimiser-{}.safetensors"
SCALARS = "optimiser.pt"
SET_ANEW = ("params", "lr", "initial_lr", "weight_decay", "shapes", "fsdp_in_use")
"""Entries of a parameter group that come from the config, the schedule and the layout."""


def full_weights(engine: "DeepSpeedEngine", sharded: bool) -> Weights:
    """The weights that the optimiser steps, unsharded and in float32, one after the other; all ranks take part.

    Args:
        engine: under any ZeRO stage.
        sharded: the model's own parameters differ from these (a shard under stage 3, rounded under bf16): they are
            gathered from the ranks' optimisers. Otherwise nothing is communicated.
    """
    from deepspeed.utils import safe_get_full_fp32_param

    for name, parameter in trained(engine.module):
        yield name, safe_get_full_fp32_param(parameter) if sharded else parameter


def trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that are not frozen."""
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def save_state(engine: "DeepSpeedEngine", folder: Path) -> None:
    """Write weights and optimiser states into a folder; all ranks take part, rank 0 writes.

    Args:
        engine: under any ZeRO stage, after its first step.
        folder: must exist.
    """
    optimiser = _base(engine)
    states = [optimiser.state[tensor] for tensor in _tensors(engine)]
    known = {key: value for state in states for key, value in state.items()}  # Muon's matrices lack some keys
    whole = [key for key in known if any(_of_every_weight(state.get(key)) for state in states)]
    _write(engine, folder / WEIGHTS)
    for key in whole:
        with _in_place_of_weights(engine, key):
            _write(engine, folder / STATE.format(key))
    groups: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(groups, _scalars(optimiser.param_groups[0]))
    if dist.get_rank() == 0:
        state = {key: value for key, value in known.items() if key not in whole}
        torch.save({"groups": groups, "state": state, "whole": whole}, folder / SCALARS)


def load_state(engine: "DeepSpeedEngine", folder: Path) -> None:
    """Restore weights and optimiser states written by `save_state` under any stage; all ranks take part.

    The model given to the engine must already have these weights (`load_weights`): under bf16 and stage 3 its
    parameters are not the optimiser's.
    """
    optimiser = _base(engine)
    kept = torch.load(folder / SCALARS, weights_only=True, map_location="cpu")
    _make_states(engine)
    for key in kept["whole"]:
        _spread(engine, folder / STATE.format(key))
        for tensor in _tensors(engine):
            if (own := optimiser.state[tensor].get(key)) is not None:
                optimiser.state[tensor][key] = own.copy_(tensor.view_as(own)) if own.dim() else tensor.flatten().clone()
    _spread(engine, folder / WEIGHTS)
    for tensor in _tensors(engine):
        for key, value in kept["state"].items():
            if (own := optimiser.state[tensor].get(key)) is not None:
                optimiser.state[tensor][key] = own.copy_(value) if isinstance(own, Tensor) else value
    own = _own_scalars(kept["groups"], optimiser.param_groups[0].get("fsdp_in_use", False))
    for group in optimiser.param_groups:
        group.update({key: value for key, value in own.items() if key not in SET_ANEW})


def load_weights(model: nn.Module, *files: Path) -> None:
    """Load a model's parameters from weight files; those missing from the first come from the next."""
    opened = [safe_open(file, "pt") for file in files]
    for name, parameter in model.named_parameters():
        parameter.data.copy_(next(file for file in opened if name in file.keys()).get_tensor(name))  # noqa: SIM118


def _base(engine: "DeepSpeedEngine") -> torch.optim.Optimizer:
    """The optimiser that we built; a ZeRO stage wraps it."""
    return getattr(engine.optimizer, "optimizer", engine.optimizer)


def _tensors(engine: "DeepSpeedEngine") -> list[Tensor]:
    """The tensors that the optimiser steps: parameters, or this rank's part of them, concatenated."""
    if engine.zero_optimization_stage() == 3:  # one per group, given to the optimiser only during a step
        return engine.optimizer.fp32_partitioned_groups_flat
    return [tensor for group in _base(engine).param_groups for tensor in group["params"]]


def _scalars(group: dict[str, Any]) -> dict[str, Any]:
    """A parameter group without its parameters."""
    values = {key: value for key, value in group.items() if key != "params"}
    return {key: value.cpu() if isinstance(value, Tensor) else value for key, value in values.items()}


def _own_scalars(groups: list[dict[str, Any]], sharded: bool) -> dict[str, Any]:
    """This rank's scalars, from those that all ranks wrote.

    D-Adaptation's numerator is a sum over the weights of one rank if its optimiser sums over the ranks.
    """
    rank, was_sharded = dist.get_rank(), groups[0].get("fsdp_in_use", False)
    if len(groups) == dist.get_world_size() and sharded == was_sharded:
        return groups[rank]
    own = dict(groups[0])
    if "numerator_weighted" in own:
        if was_sharded:
            own["numerator_weighted"] = sum(group["numerator_weighted"] for group in groups)
        if sharded and rank:
            own["numerator_weighted"] = 0.0
    return own


def _of_every_weight(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


@torch.no_grad()
def _make_states(engine: "DeepSpeedEngine") -> None:
    """Make the optimiser create its states, by a step whose effects are then overwritten."""
    optimiser, tensors = _base(engine), _tensors(engine)
    for tensor in tensors:
        tensor.grad = torch.zeros_like(tensor)
    if engine.zero_optimization_stage() == 3:
        for group, tensor in zip(optimiser.param_groups, tensors, strict=True):
            group["params"] = [tensor]
    optimiser.step()
    for tensor in tensors:
        tensor.grad = None
    if engine.zero_optimization_stage() == 3:
        for group in optimiser.param_groups:
            group["params"] = []


@contextmanager
@torch.no_grad()
def _in_place_of_weights(engine: "DeepSpeedEngine", key: str) -> Iterator[None]:
    """Put a state's values in the weights' place for the duration of the block."""
    tensors, states = _tensors(engine), _base(engine).state
    weights = [tensor.clone() for tensor in tensors]
    try:
        for tensor in tensors:
            # Prodigy stores a single zero for all-zero weights, and Muon's matrices lack some keys
            state = states[tensor].get(key, torch.zeros((), device=tensor.device))
            tensor.copy_(state.view_as(tensor) if state.numel() == tensor.numel() else state.expand_as(tensor))
        yield
    finally:
        for tensor, value in zip(tensors, weights, strict=True):
            tensor.copy_(value)


def _write(engine: "DeepSpeedEngine", file: Path) -> None:
    """Write the optimiser's weights to one file, on rank 0."""
    weights = full_weights(engine, sharded=engine.zero_optimization_stage() > 0)
    gathered = {name: value.detach().cpu() for name, value in weights if dist.get_rank() == 0}
    if dist.get_rank() == 0:
        save_file({name: value.contiguous() for name, value in gathered.items()}, file)


@torch.no_grad()
def _spread(engine: "DeepSpeedEngine", file: Path) -> None:
    """Load a file's values as the optimiser's weights, each rank its part."""
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_local_fp32_param

    stage = engine.zero_optimization_stage()
    with safe_open(file, "pt") as values:
        for name, parameter in trained(engine.module):
            value = values.get_tensor(name).to(engine.device)
            if stage == 3:
                own: Any = parameter  # sharded by ZeRO
                safe_set_local_fp32_param(parameter, _part(value, own.ds_tensor.numel()))
            elif stage:
                safe_set_full_fp32_param(parameter, value)
            else:
                parameter.copy_(value)


def _part(value: Tensor, size: int) -> Tensor:
    """This rank's part of a full tensor, padded with zeros."""
    padded = functional.pad(value.flatten(), (0, size * dist.get_world_size() - value.numel()))
    return padded[dist.get_rank() * size :][:size]
