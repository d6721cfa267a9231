"""Experiments: variants of the training, or whole systems, evaluated identically and compared clip by clip."""
