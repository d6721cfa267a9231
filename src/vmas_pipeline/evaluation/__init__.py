"""Evaluation of the music: one file per metric, the measurement of a model on held-out clips, and the report."""
