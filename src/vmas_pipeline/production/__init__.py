"""Production: what makers ask for around the model. Takes, hit points, given music, the original's sound, records."""

from typing import TYPE_CHECKING, Any

from vmas_pipeline.production.options import Options

if TYPE_CHECKING:
    from vmas_pipeline.production.takes import Production, Take, produce, warm_up

__all__ = ["Options", "Production", "Take", "produce", "warm_up"]


def __getattr__(name: str) -> Any:
    """`produce` and its results bring torch: the command's parser needs the options alone."""
    if name in __all__:
        from vmas_pipeline.production import takes

        return getattr(takes, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
