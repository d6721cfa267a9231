"""Serving: the registry's models, loaded and answered with."""

from vmas_pipeline.serving.loading import load_model

__all__ = ["load_model"]
