"""The fixed signals on which the tagger is compared with the original, by formula; numpy alone."""

import numpy as np


def music() -> np.ndarray:
    """Decaying chords twice a second and noise bursts between, quiet enough for the original's float16.

    Returns:
        float32 [373 x 256] at 16 kHz: 374 spectrogram frames, exactly two patches.
    """
    time = np.arange(373 * 256) / 16_000
    phase = time % 0.5
    chord = sum(
        np.sin(2 * np.pi * pitch * time) / (1 + n) for n, pitch in enumerate((220.0, 277.2, 329.6, 440.0, 1760.0))
    )
    noise = np.random.default_rng(7).standard_normal(len(time)) * np.exp(-40 * ((time + 0.25) % 0.5))
    return (0.02 * chord * np.exp(-4 * phase) + 0.01 * noise).astype(np.float32)


def patches() -> np.ndarray:
    """Three log-mel-like pictures with the range of loud music, float32 [3, 187, 96]."""
    frames, bands = np.arange(187)[:, None], np.arange(96)[None]
    pictures = [
        2.5 * np.exp(-bands / speed) * (1.2 + np.sin(2 * np.pi * frames / period) + 0.3 * np.sin(bands / 3))
        for speed, period in ((60.0, 31.0), (25.0, 12.0), (300.0, 90.0))
    ]
    return np.maximum(np.stack(pictures), 0).astype(np.float32)
