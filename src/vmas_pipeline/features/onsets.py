"""Onset detection, for the music beats of paper section 4.4. The codec's figures need it first, so it lives there."""

from vmas_pipeline.codec.onsets import onset_times

__all__ = ["onset_times"]
