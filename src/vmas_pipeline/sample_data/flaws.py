"""Spoils videos, in one way for each of curation's rejection reasons."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from vmas_pipeline.sample_data.synthesis import Synthetic
from vmas_pipeline.sample_data.voice import sing

FLAWS = ("still_picture", "no_audio", "truncated", "unreadable", "vocals", "duplicate", "too_short", "silent")
"""The reasons; a duplicate is one of the flawless videos, written again."""

_SHORT_S = 1.5
_VOICE_LEVEL, _MUSIC_LEVEL = 0.9, 0.4


def spoil_content(flaw: str, film: Synthetic, frame_rate: float, sample_rate: int, seed: int) -> Synthetic:
    """Spoils the picture or the audio; returns the video unchanged if the flaw is in the file."""
    frames, waveform = film.frames, film.waveform
    if flaw == "still_picture":
        frames = np.repeat(frames[:1], len(frames), axis=0)
    elif flaw == "vocals":
        voice = sing(len(waveform) / sample_rate, sample_rate, np.random.default_rng([seed, 3]))
        waveform = np.tanh(_MUSIC_LEVEL * waveform + _VOICE_LEVEL * voice)
    elif flaw == "too_short":
        frames, waveform = frames[: round(_SHORT_S * frame_rate)], waveform[: round(_SHORT_S * sample_rate)]
    elif flaw == "silent":
        waveform = np.zeros_like(waveform)
    return replace(film, frames=frames, waveform=waveform)


def spoil_file(flaw: str, path: Path, seed: int) -> None:
    """Spoils the file's bytes, if the flaw is in them."""
    if flaw == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    elif flaw == "unreadable":
        path.write_text(f"This is text number {seed}, with the name of a film.\n" * 100, encoding="utf-8")
