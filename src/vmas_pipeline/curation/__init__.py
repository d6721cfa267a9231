"""Videos -> clips: what is fit for training, what is not, and why."""

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.curate import Curated, curate
from vmas_pipeline.curation.table import characteristics
from vmas_pipeline.curation.validation import Validation, require_valid, validate

__all__ = ["Curated", "CurationConfig", "Validation", "characteristics", "curate", "require_valid", "validate"]
