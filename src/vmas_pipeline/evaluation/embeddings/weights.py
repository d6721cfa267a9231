"""Reads state dicts of published networks."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def read_state(file: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch's or safetensors, without running code that it may carry.

    Raises:
        ValueError: it is no such file.
    """
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        stored: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"{file} holds no weights of torch's ({str(error).splitlines()[0]}): get it again") from error
    return stored.get("state_dict", stored)


def require_layout(state: Mapping[str, Tensor], names: Sequence[str], network: str, source: str) -> None:
    """Refuses a state dict that lacks a network's parts.

    Raises:
        ValueError: one of the names is not in it.
    """
    if lost := [name for name in names if name not in state]:
        raise ValueError(f"{source} holds no {network}: it has no {lost[0]}; name the published file")
