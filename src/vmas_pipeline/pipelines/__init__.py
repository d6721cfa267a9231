"""Kedro wiring, one file a stage: which function reads and writes what. The functions live in their rooms."""
