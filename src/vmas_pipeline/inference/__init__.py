"""Generation on top of the model: the sampling loop, the step decoders for GPU and CPU, and sampling settings."""

from vmas_pipeline.inference.generation import Progress, generate
from vmas_pipeline.inference.sampling import SamplingConfig

__all__ = ["Progress", "SamplingConfig", "generate"]
