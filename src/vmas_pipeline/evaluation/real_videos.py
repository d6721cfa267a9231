"""A system on videos without reference music: does the music follow the picture?"""

# N clips, F frames of a clip

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.curation.sources import find_sources
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.config import RealVideosConfig
from vmas_pipeline.evaluation.metrics.alignment import blind_scores, mv_align
from vmas_pipeline.evaluation.result import MetricResult, clips_table, to_metrics, write_results
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.media import (
    ClipSpec,
    MediaError,
    measure,
    portable,
    printable,
    read_frames,
    replace_audio,
    whole_file,
)
from vmas_pipeline.systems.interface import System
from vmas_pipeline.tracking import RunLogger


@dataclass(frozen=True, kw_only=True)
class _Clip:
    source: str
    start_s: float
    peaks_s: np.ndarray
    onsets_s: np.ndarray


def evaluate_real_videos(
    config: RealVideosConfig, clip: ClipSpec, system: System, out: Path, logger: RunLogger | None = None
) -> dict[str, Any]:
    """Generate music for real videos and measure how well it follows them.

    Args:
        config: which videos.
        clip: length of a clip, and frame rate of the flow.
        system: generates the music.
        out: gets metrics.json, clips.parquet, skipped.json (videos that could not be used, with the reason) and the
            videos with their music.
        logger: the MLflow run that gets the metrics.

    Returns:
        The contents of metrics.json: MV Align with its blind levels, and the onsets per peak.

    Raises:
        ValueError: no folder, or fewer than two videos at least as long as a clip.
    """
    folder = Path(config.folder)
    if not folder.is_dir():
        raise ValueError(f"real_videos.folder is {folder}: no such folder; put videos there, or name another")
    clips, skipped = [], {}
    for path in tqdm(find_sources(folder), desc="real videos", unit="video"):
        try:
            clips += _clips_of(config, clip, system, path, out)
        except MediaError as error:
            skipped[portable(path)] = str(error)
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(out / "skipped.json") as temporary:
        temporary.write_text(json.dumps(skipped, indent=2) + "\n")
    sources = {each.source for each in clips}
    if len(sources) < 2:
        least = f"two videos of {clip.duration_s:g} s or more"
        raise ValueError(f"{folder} holds fewer than {least}: see {out / 'skipped.json'}")
    results = _results(clips, clip)
    metrics = {"clips": len(clips), "sources": len(sources), **to_metrics(results)}
    about = {"source_path": [each.source for each in clips], "start_s": [each.start_s for each in clips]}
    write_results(out, metrics, clips_table(about, results))
    if logger:
        logger.metrics({f"real_videos/{r.name}/value": r.value for r in results})
    return metrics


def _clips_of(config: RealVideosConfig, clip: ClipSpec, system: System, path: Path, out: Path) -> list[_Clip]:
    """The complete clips in a video's first seconds.

    Raises:
        MediaError: it cannot be read, or is shorter than a clip.
    """
    seconds = min(config.seconds, measure(path).duration_s + 0.5 / clip.frame_rate)
    if seconds < clip.duration_s:
        raise MediaError("too_short", f"{printable(path)} lasts {seconds:.2f} s: a clip takes {clip.duration_s:g} s")
    music = system.generate(path, config.seed, seconds)
    if config.watch:
        (out / "videos").mkdir(parents=True, exist_ok=True)
        replace_audio(path, music.waveform, music.sample_rate, out / "videos" / f"{path.stem}.mkv")
    found = []
    for start_s in np.arange(0, seconds - clip.duration_s + 1e-6, clip.duration_s):
        frames = read_frames(
            path,
            frame_rate=clip.frame_rate,
            size=config.flow_size,
            start_s=float(start_s),
            frames=clip.frames_per_clip,
        )
        first, last = (round(at * music.sample_rate) for at in (start_s, start_s + clip.duration_s))
        found.append(
            _Clip(
                source=portable(path),
                start_s=float(start_s),
                peaks_s=flow_peaks(mean_flow(frames), clip.frame_rate),
                onsets_s=onset_times(music.waveform.mean(0)[first:last], music.sample_rate),
            )
        )
    return found


def _results(clips: list[_Clip], clip: ClipSpec) -> list[MetricResult]:
    onsets, peaks, sources = ([getattr(c, name) for c in clips] for name in ("onsets_s", "peaks_s", "source"))
    own = np.array([mv_align(o, p, clip.frame_rate) for o, p in zip(onsets, peaks, strict=True)])
    blind, period_s = blind_scores(onsets, peaks, sources, clip.duration_s, clip.frame_rate)
    levels = {name: float(scores.mean()) for name, scores in blind.items()}
    interval = bootstrap_mean(own, groups=np.array(sources))
    counts = {
        "n_onsets": np.array([len(each) for each in onsets]),
        "n_peaks": np.array([len(each) for each in peaks]),
    }
    return [
        MetricResult(
            name="mv_align",
            title="MV Align on real videos",
            value=float(own.mean()),
            chance=max(levels.values()),
            ceiling=1.0,
            interval=(interval.low, interval.high),
            levels=levels,
            per_clip={"mv_align": own, **{f"mv_align_{name}": scores for name, scores in blind.items()}, **counts},
            measured_with="prominent peaks of the flow; the ceiling plays on every peak",
            note=f"best blind metronome: a beat every {period_s:.2f} s",
        ),
        MetricResult(
            name="onsets_per_peak",
            title="Onsets a peak of the flow",
            value=float(counts["n_onsets"].sum() / max(counts["n_peaks"].sum(), 1)),
            ceiling=1.0,
            measured_with="onsets by spectral flux, prominent peaks",
            note="1 where the music is as dense as the picture's events",
        ),
    ]
