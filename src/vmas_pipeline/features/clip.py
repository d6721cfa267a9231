"""The features of one clip."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.codec.interface import AudioCodec
from vmas_pipeline.features.beats import beat_weights, music_beats, video_beats
from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.features.curves import CURVES, draw_curves
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.features.shards import Sample
from vmas_pipeline.media import ClipSpec, local, read_frames, read_music


def extract_clip(row: Mapping[str, Any], config: FeaturesConfig, clip: ClipSpec, codec: AudioCodec) -> Sample:
    """Frames, flow, curves, onsets, beat weights and audio tokens of one row of the manifest.

    Raises:
        MediaError: the video cannot be read.
    """
    frames = read_frames(
        local(row["source_path"]),
        frame_rate=clip.frame_rate,
        size=clip.frame_size,
        start_s=row["start_s"],
        frames=clip.frames_per_clip,
    )
    waveform = read_music(row, clip.sample_rate, clip.duration_s)  # [N]
    flow = mean_flow(frames, config.flow_method, size=config.flow_size, raft_weights=config.raft_weights)
    onsets = onset_times(waveform, clip.sample_rate)
    codes = codec.encode(torch.from_numpy(waveform)[None, None])[0]  # [K, T]
    tokens, rate = codes.shape[1], codec.frame_rate
    heard = music_beats(onsets, token_rate=rate, tokens=tokens)
    seen = video_beats(
        flow,
        frame_rate=clip.frame_rate,
        token_rate=rate,
        tokens=tokens,
        window_s=config.beat_window_s,
        threshold=config.beat_threshold,
    )
    weights = beat_weights(heard, seen, token_rate=rate, window_s=config.alignment_window_s, alpha=config.alpha)
    return Sample(
        clip_id=row["clip_id"],
        frames=frames,
        codes=codes.numpy().astype(np.int16),
        beat_weights=weights,
        music_beats=heard,
        video_beats=seen,
        flow=flow,
        onsets_s=onsets,
        peaks_s=flow_peaks(flow, clip.frame_rate),
        curves=draw_curves(CURVES, frames, clip.frame_rate),
        row={name: _plain(value) for name, value in row.items()},
    )


def _plain(value: Any) -> Any:
    """A manifest value for JSON: numpy numbers become Python's, missing ones None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, Path) else value
