"""Scores: their notes, where a film's score lies, and how they sound."""
