"""Synthetic music videos: the raw material of the embedded default and of the tests."""
