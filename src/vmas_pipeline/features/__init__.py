"""Clips to training shards: frames, optical flow, onsets, beat weights and audio tokens."""
