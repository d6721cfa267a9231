"""CMT's published checkpoint, `loss_8_params.pt`, into our network.

Its modules have the names of pytorch-fast-transformers below those of DataParallel; nothing of either is needed here.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vmas_pipeline.systems.cmt.network import CMT, Sizes

ATTRIBUTES = ("barbeat", "type", "density", "pitch", "duration", "instr", "strength")
CONDITIONS = ("genre", "key", "instrument")

LAYER = {
    "query": "attention.query_projection",
    "key": "attention.key_projection",
    "value": "attention.value_projection",
    "out": "attention.out_projection",
    "up": "linear1",
    "down": "linear2",
    "norm1": "norm1",
    "norm2": "norm2",
}
"""Of a layer: our name -> theirs."""

HEADS = 8
"""Of the published network; its weights do not tell."""


def load_published(path: Path, heads: int = HEADS) -> CMT:
    """Read a checkpoint of any sizes in the published layout.

    Raises:
        ValueError: it is none, or lacks a part.
    """
    if not path.is_file():
        raise ValueError(f"CMT's weights {path} are not a file: give the path of loss_8_params.pt, or none to train")
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("module."): value for name, value in stored.items()}
    names = {**published_names(_layers(weights))}
    if missing := sorted(name for name in names.values() if name not in weights):
        raise ValueError(f"{path} is no checkpoint of CMT: it has no {missing[0]} and {len(missing) - 1} more")
    network = CMT(_sizes(weights, heads)).eval()
    network.load_state_dict({ours: weights[theirs] for ours, theirs in names.items()})
    return network


def published_names(layers: int) -> dict[str, str]:
    """Our name -> theirs, of every weight."""
    modules = {f"conditions.{i}": f"init_emb_{name}.lut" for i, name in enumerate(CONDITIONS)}
    modules |= {f"attributes.{i}": f"encoder_emb_{name}.lut" for i, name in enumerate(ATTRIBUTES)}
    tables = {**modules, "progress": "encoder_emb_time_encoding.lut"}
    dense = {
        "condition_entry": "init_in_linear",
        "entry": "encoder_in_linear",
        "progress_entry": "encoder_time_linear",
        "norm": "transformer_encoder.norm",
        "with_type": "project_concat_type",
    }
    dense |= {f"heads.{i}": f"proj_{name}" for i, name in enumerate(ATTRIBUTES)}
    for i in range(layers):
        dense |= {f"layers.{i}.{ours}": f"transformer_encoder.layers.{i}.{theirs}" for ours, theirs in LAYER.items()}
    named = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in (tables | dense).items()}
    return named | {f"{ours}.bias": f"{theirs}.bias" for ours, theirs in dense.items()}


def _layers(weights: dict[str, Tensor]) -> int:
    return len({name.split(".")[2] for name in weights if name.startswith("transformer_encoder.layers.")})


def _sizes(weights: dict[str, Tensor], heads: int) -> Sizes:
    return Sizes(
        width=len(weights["encoder_in_linear.bias"]),
        layers=_layers(weights),
        heads=heads,
        vocabulary=tuple(len(weights[f"encoder_emb_{name}.lut.weight"]) for name in ATTRIBUTES),
        conditions=tuple(len(weights[f"init_emb_{name}.lut.weight"]) for name in CONDITIONS),
    )
