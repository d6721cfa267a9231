"""Audio analysis: onsets, mel spectrograms, and the music tagger with its checkpoint reader."""
