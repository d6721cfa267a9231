"""Serving: registers, loads and serves the models of the registry."""

from vmas_pipeline.serving.loading import load_model

__all__ = ["load_model"]
