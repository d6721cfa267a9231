"""Generation above the model: the sampling loop, the step decoders of GPU and CPU, and how codes are drawn."""

from vmas_pipeline.inference.generation import Progress, generate
from vmas_pipeline.inference.sampling import SamplingConfig

__all__ = ["Progress", "SamplingConfig", "generate"]
