"""Audio codecs: waveform to discrete tokens and back."""
