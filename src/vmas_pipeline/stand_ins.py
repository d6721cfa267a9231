"""Stand-ins for modules that training imports and never uses: together fifteen CPU seconds at the start of each rank.

DeepSpeed imports MLflow for its autotuner, and an optimiser of its own whose kernels torch.compile decorates, to see
whether ours is one. torch's optimisers import torch's compiler to mark where it must stop.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
_MUON = "deepspeed.runtime.zero.muon"


def import_deepspeed() -> ModuleType:
    """Import DeepSpeed without MLflow and without its Muon."""
    for name, held in (("muon_optimizer.MuonWithAuxAdam", _NoOptimiser), ("original_muon.muon_update", None)):
        module, attribute = name.split(".")
        stand_in = sys.modules.setdefault(f"{_MUON}.{module}", ModuleType(module))
        setattr(stand_in, attribute, held)
    unwanted = "mlflow" not in sys.modules
    if unwanted:
        sys.modules["mlflow"] = None  # type: ignore[assignment]  # an import of it now raises ImportError
    try:
        return import_module("deepspeed")
    finally:
        if unwanted:
            del sys.modules["mlflow"]


def defer_compiler() -> None:
    """Put off the import of torch's compiler until something is compiled, unless it is imported already."""
    sys.modules.setdefault(_COMPILER, _DeferredCompiler(_COMPILER))


class _NoOptimiser:
    """What none of our optimisers is an instance of."""


class _DeferredCompiler(ModuleType):
    """Answers to the two marks that mean nothing where nothing is compiled; anything else brings the real module."""

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        """Mark a function as one that is not compiled; also as a decorator with options."""
        return function if function is not None else lambda decorated: decorated

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        """Mark a place where compilation stops."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # asked of every module by those that list them
            raise AttributeError(name)
        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER]
        return getattr(import_module(_COMPILER), name)
