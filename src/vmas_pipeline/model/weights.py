"""Loads published weights into our modules: all of them, or an error that names what does not fit."""

from dataclasses import dataclass, field

from torch import Tensor, nn

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The result of loading a state dict."""

    taken: tuple[str, ...]
    """Our parameters that it filled."""
    kept: tuple[str, ...]
    """Our parameters that it does not contain; they are unchanged."""
    dropped: tuple[str, ...]
    """Its entries without a counterpart in this model."""
    changed: dict[str, str] = field(default_factory=dict)
    """Our parameters whose weights were adapted, and how."""


def load(module: nn.Module, weights: State, dropped: list[str], changed: dict[str, str], may_stay: set[str]) -> Loaded:
    """Load weights under the module's own names, all of them or none.

    Args:
        module: the module to load into.
        weights: under the module's parameter names.
        dropped, changed: passed through to the result.
        may_stay: parameters that may remain unchanged.

    Raises:
        ValueError: mismatched shapes, parameters without weights, or weights without parameters; the message names
            them.
    """
    ours = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    problems = [
        f"{name} is {list(ours[name])} here and {list(value.shape)} there"
        for name, value in weights.items()
        if name in ours and ours[name] != value.shape
    ]
    problems += [f"{name} is not part of this model" for name in weights if name not in ours]
    kept = tuple(name for name in ours if name not in weights)
    problems += [f"{name} is missing there" for name in kept if name not in may_stay]
    if problems:
        shown = "; ".join(problems[:4]) + (f"; and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise ValueError(f"these weights are of another model: {shown}")
    module.load_state_dict(weights, strict=False)
    return Loaded(taken=tuple(weights), kept=kept, dropped=tuple(dropped), changed=changed)
