"""Five clips of one second, of five films, and the music of two systems."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from vmas_pipeline.media import write_video

RATE = 16_000


def make_clips(folder: Path) -> pd.DataFrame:
    """Rows of the manifest; the true music is a tone of 220 Hz."""
    path = folder / "film.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 3), np.uint8).repeat(6, 1).repeat(6, 2)
    sound = 0.3 * np.sin(2 * np.pi * 220 * np.arange(5 * RATE) / RATE)
    write_video(path, frames, 12, sound[None], RATE)
    rows = [{"clip_id": f"{i:016x}-00000000", "source_id": f"{i:016x}", "start_s": float(i)} for i in range(5)]
    return pd.DataFrame(rows).assign(source_path=str(path), audio_path=str(path), duration_s=1.0, split="test")


def make_music(folder: Path, clips: pd.DataFrame) -> None:
    """Folders `ours`, tones from 440 Hz on, and `theirs`, from 330 Hz on, 32 dB softer and at twice the rate."""
    for name, gain, hz, rate in (("ours", 0.8, 440, RATE), ("theirs", 0.02, 330, 2 * RATE)):
        (folder / name).mkdir(parents=True)
        for i, clip_id in enumerate(clips["clip_id"]):
            tone = gain * np.sin(2 * np.pi * (hz + 40 * i) * np.arange(rate) / rate)
            soundfile.write(folder / name / f"{clip_id}.flac", tone, rate)
