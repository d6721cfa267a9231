"""Sounds, whoever asks: onsets, mel pictures, and the music tagger with its checkpoint reader."""
