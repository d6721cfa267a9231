"""Kedro wiring, one file per stage: which function reads and writes what. The functions are in the other packages."""
