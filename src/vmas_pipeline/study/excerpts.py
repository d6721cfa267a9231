"""The study's media: clips with each system's music at one loudness, the checks, and the tones of the sound check."""

# N samples

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.audio.level import integrated_loudness
from vmas_pipeline.media import (
    local,
    read_audio,
    read_music,
    read_preview,
    remove_partial,
    replace_audio,
    write_flac,
    write_video,
)
from vmas_pipeline.study.items import NOISE, TRUTH, Item
from vmas_pipeline.study.store import TONES

SIZE, RATE = 512, 30.0
"""Maximum side and frames per second of the videos: the square centre of the picture, as all systems were given it."""

SAMPLE_RATE = 48_000
"""Of all music, whatever its system's: files and players then differ in nothing but the music."""

PEAK = 10 ** (-1 / 20)
"""Highest sample, -1 dB: a louder clip lowers all its sides together."""

TONE_HZ, TONE_S, GAP_S = 660.0, 0.35, 0.35


def write_excerpts(
    media: Path,
    items: Sequence[Item],
    rows: Mapping[str, Mapping[str, Any]],
    music: Mapping[str, Mapping[str, Path]],
    lufs: float,
) -> None:
    """Write `<name>.mp4` for both sides of every item, and `tones-<count>.flac`; files that are there already stay.

    Args:
        media: the folder.
        items: the study's.
        rows: of the manifest, by clip id.
        music: the files of each system, by clip id.
        lufs: integrated loudness of all music.
    """
    from tqdm import tqdm

    remove_partial(media)
    for count in TONES:
        write_flac(media / f"tones-{count}.flac", _tones(count)[None], SAMPLE_RATE)
    sides: dict[str, dict[str, str]] = {}
    for item in items:
        sides.setdefault(item.clip_id, {}).update({item.first: item.first_media, item.second: item.second_media})
    for clip_id, names in tqdm(sides.items(), desc="videos", unit="clip", disable=None):
        files = {system: media / f"{name}.mp4" for system, name in names.items()}
        if not all(file.is_file() for file in files.values()):
            waveforms = {system: _music(system, rows[clip_id], music) for system in files}
            _write_clip(rows[clip_id], matched(waveforms, SAMPLE_RATE, lufs), files)


def missing(media: Path, items: Sequence[Item]) -> list[str]:
    """Names of the media that a study lacks."""
    names = {name for item in items for name in (item.first_media, item.second_media)}
    return sorted(name for name in names if not (media / f"{name}.mp4").is_file())


def matched(waveforms: Mapping[str, np.ndarray], sample_rate: int, lufs: float) -> dict[str, np.ndarray]:
    """Waveforms [N] scaled to one integrated loudness (ITU-R BS.1770), and below `PEAK`: all are lowered alike.

    Silence stays silence.
    """
    loudness = {name: integrated_loudness(waveform, sample_rate) for name, waveform in waveforms.items()}
    gains = {name: 10 ** ((lufs - level) / 20) if np.isfinite(level) else 0.0 for name, level in loudness.items()}
    highest = max(gains[name] * np.abs(waveform).max() for name, waveform in waveforms.items())
    lower = min(1.0, PEAK / highest) if highest else 1.0
    return {name: (waveform * gains[name] * lower).astype(np.float32) for name, waveform in waveforms.items()}


def _music(system: str, row: Mapping[str, Any], music: Mapping[str, Mapping[str, Path]]) -> np.ndarray:
    """A side's music, float [N]."""
    clip_id, duration_s = row["clip_id"], float(row["duration_s"])
    if system == TRUTH:
        return read_music(row, SAMPLE_RATE, duration_s)
    if system == NOISE:
        return _pink_noise(round(duration_s * SAMPLE_RATE))
    return read_audio(music[system][clip_id], sample_rate=SAMPLE_RATE, duration_s=duration_s)[0]


def _write_clip(row: Mapping[str, Any], waveforms: Mapping[str, np.ndarray], files: Mapping[str, Path]) -> None:
    """Encode the picture once, and copy it under each music."""
    frames, rate = read_preview(
        local(row["source_path"]), size=SIZE, frame_rate=RATE, duration_s=row["duration_s"], start_s=row["start_s"]
    )
    with tempfile.TemporaryDirectory(prefix="vmas-") as folder:
        silent = Path(folder) / "silent.mp4"
        write_video(silent, frames, rate, None, 0)
        for system, file in files.items():
            replace_audio(silent, waveforms[system][None], SAMPLE_RATE, file)


def _pink_noise(samples: int) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave, float [N]: as loud at all pitches, and no music."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), samples)
    return noise / np.abs(noise).max()


def _tones(count: int) -> np.ndarray:
    """Tones with pauses between them, float [N], each faded in and out, about as loud as the music."""
    t = np.arange(round(TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
    fade = np.minimum(1, np.minimum(t, TONE_S - t) / 0.02)
    tone = 0.1 * np.sin(2 * np.pi * TONE_HZ * t) * fade
    gap = np.zeros(round(GAP_S * SAMPLE_RATE))
    return np.concatenate([gap, *(np.concatenate([tone, gap]) for _ in range(count))])
