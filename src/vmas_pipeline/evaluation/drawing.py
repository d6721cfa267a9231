"""Geometry of the report's drawings, in the units of their SVG views, and the spectrogram images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.audio.mel import PICTURE_RANGE_DB, mel_picture
from vmas_pipeline.audio.rhythm import Rhythm
from vmas_pipeline.evaluation.alignment import matched_pairs
from vmas_pipeline.media import whole_file

WIDTH = 1000.0
FLOW_HEIGHT = 90.0
HISTOGRAM_HEIGHT = 60.0
HISTOGRAM_BINS = 20


def timeline(
    flow: np.ndarray,
    peaks_s: np.ndarray,
    onsets_s: Mapping[str, np.ndarray],
    frame_rate: float,
    duration_s: float,
    *,
    cuts_s: Sequence[float] | np.ndarray = (),
    rhythms: Mapping[str, Rhythm] | None = None,
) -> dict[str, Any]:
    """A clip's flow curve with its peaks, the cuts, and onsets and beats of each music, on one axis from 0 to `WIDTH`.

    Args:
        flow: mean flow of the frame pairs, [F - 1].
        peaks_s: the peaks to match, in seconds.
        onsets_s: onsets of each music, by name.
        frame_rate: frames per second of the flow.
        duration_s: the clip's length.
        cuts_s: the cuts, in seconds.
        rhythms: of some or all of the musics.

    Returns:
        curve: the points of an SVG polyline; peaks: x and y of each; cuts: x of each; onsets: for each music, x and
        whether it matches a peak; beats: for each music, x and whether it is a downbeat; seconds: x of each whole
        second.
    """
    scale = WIDTH / duration_s
    top = float(flow.max()) or 1.0
    times = (np.arange(len(flow)) + 0.5) / frame_rate
    heights = FLOW_HEIGHT * (1 - 0.92 * flow / top)
    indices = np.clip(np.round(peaks_s * frame_rate - 0.5).astype(int), 0, len(flow) - 1)
    onsets: dict[str, list[dict[str, Any]]] = {}
    beats: dict[str, list[dict[str, Any]]] = {}
    for name, at in onsets_s.items():
        matched = {onset for onset, _ in matched_pairs(at, peaks_s, frame_rate)}
        onsets[name] = [{"x": round(float(t * scale), 1), "matched": i in matched} for i, t in enumerate(at)]
        heard = (rhythms or {}).get(name, Rhythm())
        beats[name] = [{"x": round(float(t * scale), 1), "down": bool(t in heard.downbeats_s)} for t in heard.beats_s]
    return {
        "curve": " ".join(f"{t * scale:.1f},{y:.1f}" for t, y in zip(times, heights)),
        "peaks": [
            {"x": round(float(t * scale), 1), "y": round(float(heights[i]), 1)} for t, i in zip(peaks_s, indices)
        ],
        "cuts": [round(float(t * scale), 1) for t in cuts_s],
        "onsets": onsets,
        "beats": beats,
        "seconds": [round(second * scale, 1) for second in range(int(duration_s) + 1)],
    }


def histogram(scores: np.ndarray) -> list[dict[str, float]]:
    """Bars for scores in [0, 1]: x, width, y and height, the tallest `HISTOGRAM_HEIGHT` high, and the count."""
    counts, _ = np.histogram(scores, bins=HISTOGRAM_BINS, range=(0, 1))
    step, tallest = WIDTH / HISTOGRAM_BINS, max(int(counts.max()), 1)
    return [
        {
            "x": i * step + 1,
            "width": step - 2,
            "height": round(HISTOGRAM_HEIGHT * int(count) / tallest, 1),
            "y": round(HISTOGRAM_HEIGHT * (1 - int(count) / tallest), 1),
            "count": int(count),
        }
        for i, count in enumerate(counts)
    ]


def save_spectrogram(path: Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Write the mel spectrogram of a waveform [samples] as a PNG, time from left to right, low notes at the bottom."""
    import matplotlib.image

    decibels = mel_picture(waveform, sample_rate, hop=max(1, len(waveform) // 500))
    with whole_file(path) as temporary:
        matplotlib.image.imsave(temporary, decibels[::-1], cmap="magma", vmin=-PICTURE_RANGE_DB, vmax=0)
