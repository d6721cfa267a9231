"""MV Align under its public name; it is defined with its levels in `evaluation.metrics.alignment`."""

from vmas_pipeline.evaluation.metrics.alignment import matched_pairs, mv_align

__all__ = ["matched_pairs", "mv_align"]
