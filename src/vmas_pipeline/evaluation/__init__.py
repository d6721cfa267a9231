"""How good the music is: one file a metric, the measurement of a model on held-out clips, and the report."""
