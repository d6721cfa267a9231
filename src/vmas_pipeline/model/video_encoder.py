"""The temporal video encoder and its named sizes, under the names that shared/contract.md promises."""

from vmas_pipeline.model.encoders.hiera import Hiera as VideoEncoder
from vmas_pipeline.model.encoders.hiera import hiera_base_16x224, hiera_base_224, temporal_hiera_base

__all__ = ["VideoEncoder", "hiera_base_16x224", "hiera_base_224", "temporal_hiera_base"]
