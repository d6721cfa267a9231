"""Optimiser, learning-rate schedule and moving average of the weights (appendix B)."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.adapters import add_adapters
from vmas_pipeline.training.config import OptimiserConfig, Part, TrainConfig
from vmas_pipeline.training.muon import Muon
from vmas_pipeline.training.state import Weights, trained


def parameter_groups(model: nn.Module, config: OptimiserConfig) -> list[dict]:
    """The trainable parameters grouped by part and decay: matrices with weight decay; norms, biases, embeddings,
    positions and scalars without. Each group has its part's learning rate.

    For Muon the matrices within the encoder and the decoder, embeddings and output heads apart, are groups of their
    own, with `shapes`; all other groups' are empty.
    """
    undecayed = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | nn.LayerNorm)
        for parameter in module.parameters(recurse=False)
    }
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in trained(model):
        plain = parameter.dim() < 2 or "pos_embed" in name or name.endswith(".knots") or id(parameter) in undecayed
        rate = config.lr_multipliers.get(part_of(name), 1.0)
        inner = parameter.dim() == 2 and not plain and part_of(name) != "heads" and ".outputs." not in name
        muon = config.name == "muon" and inner
        groups.setdefault((rate, 0.0 if plain else config.weight_decay, muon), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": decay,
            "lr": rate * (config.matrix_learning_rate if muon else config.learning_rate),
            "shapes": [tuple(each.shape) for each in parameters if muon],
        }
        for (rate, decay, muon), parameters in groups.items()
    ]


def make_ready(model: VMAs, config: TrainConfig) -> None:
    """Set a model up for training, in place: adapters, frozen parts, activation checkpointing."""
    checkpoint_activations(model, config.engine.activation_checkpointing)
    if config.adapters:
        add_adapters(model, config.adapters)
    freeze(model, config.optimiser)


def freeze(model: nn.Module, config: OptimiserConfig) -> None:
    """Freeze the parts whose learning rate is 0."""
    for name, parameter in model.named_parameters():
        if config.lr_multipliers.get(part_of(name)) == 0:
            parameter.requires_grad_(False)


def checkpoint_activations(model: VMAs, parts: Literal["none", "encoder", "all"]) -> None:
    """Choose which blocks keep only their inputs for the backward pass."""
    model.video_encoder.activation_checkpointing = parts != "none"
    model.music_decoder.activation_checkpointing = parts == "all"


def part_of(name: str) -> Part:
    """The part of the model that a parameter belongs to."""
    first = name.partition(".")[0]
    return first if first in ("video_encoder", "music_decoder") else "heads"  # type: ignore[return-value]


def build_optimiser(model: nn.Module, config: OptimiserConfig, sharded: bool = False) -> torch.optim.Optimizer:
    """The optimiser that the config names.

    D-Adaptation and Prodigy estimate one rate from sums over all weights. When ZeRO shards the states, each rank has
    only a part, and DeepSpeed steps one parameter group after the other. The sums are then reduced over the ranks, and
    all weights form one group, so norms and embeddings are decayed too.

    Args:
        model: its parameters that are not frozen are optimised.
        config: which optimiser, and its settings.
        sharded: whether the states are sharded over several ranks.
    """
    groups = parameter_groups(model, config)
    if config.adaptive and sharded:
        groups = [{"params": [parameter for _, parameter in trained(model)], "weight_decay": config.weight_decay}]
    if config.name == "dadapt_adam":
        from dadaptation import DAdaptAdam

        return DAdaptAdam(groups, lr=config.learning_rate, betas=config.betas, decouple=True, fsdp_in_use=sharded)
    if config.name == "prodigy":
        from prodigyopt import Prodigy

        return Prodigy(groups, lr=config.learning_rate, betas=config.betas, fsdp_in_use=sharded)
    if config.name == "muon":
        return Muon(groups, config.betas)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def learning_rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Linear warm-up to 1, then half a cosine down to `min_lr_ratio`.

    Args:
        step: optimiser steps done, from 0.
        steps: optimiser steps of the whole run.
        config: warm-up and final ratio.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = min(1.0, (step - config.warmup_steps) / max(1, steps - config.warmup_steps))
    return config.min_lr_ratio + (1 - config.min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * progress))


class MovingAverage:
    """Exponential moving average of the weights, in float32; its decay rises to the full value over the first updates.

    Args:
        weights: initial names and values, used as they are.
        decay: final fraction of the old average that an update keeps.
        kept: False reads the weights and keeps nothing, for ranks that only take part in gathering them.
    """

    def __init__(self, weights: Weights, decay: float, kept: bool = True):
        self.decay, self.updates = decay, 0
        self.average = {name: weight.detach().float().clone() for name, weight in weights if kept}

    def to(self, device: torch.device) -> None:
        """Move it, in place."""
        self.average = {name: value.to(device) for name, value in self.average.items()}

    @torch.no_grad()
    def update(self, weights: Weights) -> None:
        """Update with the weights after a step."""
        self.updates += 1
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, weight in weights:
            if name in self.average:
                self.average[name].lerp_(weight.detach().float(), share)

    def load(self, average: Mapping[str, Tensor], updates: int) -> None:
        """Resume from an earlier average."""
        self.updates = updates
        for name, value in average.items():
            self.average[name].copy_(value)
