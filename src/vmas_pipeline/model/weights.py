"""Published weights into a module of ours: all of them, or a refusal that names what does not fit."""

from dataclasses import dataclass, field

from torch import Tensor, nn

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What became of a state dict."""

    taken: tuple[str, ...]
    """Our parameters that it filled."""
    kept: tuple[str, ...]
    """Our parameters that it says nothing about; they stay as they were."""
    dropped: tuple[str, ...]
    """Its entries that this model has no place for."""
    changed: dict[str, str] = field(default_factory=dict)
    """Our parameters whose weights were made to fit, and how."""


def load(module: nn.Module, weights: State, dropped: list[str], changed: dict[str, str], may_stay: set[str]) -> Loaded:
    """Fill a module with weights that bear its own names, all of them or none.

    Args:
        module: what to fill.
        weights: by the module's names.
        dropped, changed: for the report.
        may_stay: parameters that may be left as they are.

    Raises:
        ValueError: shapes that differ, parameters without weights, or weights without parameters; the message names
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
