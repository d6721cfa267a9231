"""Videos -> clips: what is fit for training, what is not, and why."""

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.curate import Curated, curate
from vmas_pipeline.curation.validation import Validation, require_valid, validate

__all__ = ["Curated", "CurationConfig", "Validation", "curate", "require_valid", "validate"]
