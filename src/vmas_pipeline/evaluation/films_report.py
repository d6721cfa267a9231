"""The films' report: report.html, and media/ with a preview, a poster and a spectrogram for each film shown."""

# C clips of a film, F frames of a clip

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from tqdm import tqdm

from vmas_pipeline.evaluation.drawing import save_spectrogram, timeline
from vmas_pipeline.evaluation.page import write_page
from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.media import ClipSpec, MediaError, portable, read_preview, write_video

if TYPE_CHECKING:
    from pandas import DataFrame

PREVIEW_SIZE, PREVIEW_RATE = 240, 24.0
"""Maximum side and frames per second of a preview."""

REFUSALS = 50
"""Refused files listed in the report; skipped.json has all."""

PREVIEW_S = 30.0
"""Maximum length of a preview, which bounds its memory."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A film of the report, with one seed's music for its first C clips."""

    path: Path
    title: str
    music: Path
    flow: list[np.ndarray]  # C of [F - 1]
    peaks_s: list[np.ndarray]  # C, from the start of each clip
    onsets_s: list[np.ndarray]  # C, likewise

    @property
    def id(self) -> str:
        """Names its files under media/."""
        return hashlib.sha256(portable(self.path).encode()).hexdigest()[:16]


def write_films_report(
    folder: Path,
    metrics: Mapping[str, Any],
    clips: "DataFrame",
    shown: Sequence[Shown],
    clip: ClipSpec,
    skipped: Mapping[str, str],
) -> Path:
    """Write report.html and its media.

    Args:
        folder: gets report.html and media/; media that are up to date are kept.
        metrics: contents of metrics.json.
        clips: contents of clips.parquet, one row per clip and seed.
        shown: the films to show and play.
        clip: length of a clip, and frame rate of the flow.
        skipped: what could not be used, with the reason.

    Returns:
        The path of report.html.
    """
    media, films = folder / "media", []
    media.mkdir(parents=True, exist_ok=True)
    for film in tqdm(shown, desc="previews", unit="film"):
        drawn = clip.duration_s * min(len(film.flow), max(1, int(PREVIEW_S // clip.duration_s)))
        try:
            _write_media(media, film, drawn)
        except MediaError as error:  # measured, but its preview cannot be read
            skipped = {**skipped, portable(film.path): f"has no preview: {error}"}
            continue
        films.append(_entry(film, clips, clip, drawn))
    for left in media.iterdir():
        if left.stem.removesuffix("-generated") not in {film["id"] for film in films}:
            left.unlink()
    return write_page(
        folder / "report.html",
        "films_report.html.j2",
        metrics=metrics,
        results=[result for result in results_of(metrics) if result.value is not None],
        films=films,
        skipped=dict(list(skipped.items())[:REFUSALS]),
        more_skipped=max(0, len(skipped) - REFUSALS),
    )


def _entry(film: Shown, clips: "DataFrame", clip: ClipSpec, duration_s: float) -> dict[str, Any]:
    """The page's data for a film; its numbers are means over all of its clips and seeds."""
    own = clips[clips["source_path"] == portable(film.path)]
    flow, peaks, onsets = _joined(film, clip, duration_s)
    names = ("mv_align", "mv_align_shuffled", "mv_align_metronome", "in_tune_generated", "n_onsets", "n_peaks")
    return {
        "id": film.id,
        "title": film.title,
        "duration_s": duration_s,
        "numbers": {name: float(own[name].mean()) for name in names},
        "timeline": timeline(flow, peaks, {"generated": onsets}, clip.frame_rate, duration_s),
    }


def _joined(film: Shown, clip: ClipSpec, duration_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flow, peaks and onsets of the film's first clips on one time axis.

    No flow is measured from a clip's last frame to the next clip's first; the curve holds its last value there.
    """
    count = round(duration_s / clip.duration_s)
    flow = np.concatenate([np.pad(each, (0, 1), mode="edge") for each in film.flow[:count]])[:-1]
    peaks, onsets = (
        np.concatenate([at + i * clip.duration_s for i, at in enumerate(each[:count])])
        for each in (film.peaks_s, film.onsets_s)
    )
    return flow, peaks, onsets


def _write_media(media: Path, film: Shown, duration_s: float) -> None:
    """Write what browsers play: a small H.264 video of the centre of the picture, with AAC; a poster; a spectrogram.

    Raises:
        MediaError: the film cannot be read.
    """
    import cv2

    video = media / f"{film.id}-generated.mp4"
    if video.is_file() and video.stat().st_mtime >= film.music.stat().st_mtime:
        return
    frames, rate = read_preview(film.path, size=PREVIEW_SIZE, frame_rate=PREVIEW_RATE, duration_s=duration_s)
    waveform, sample_rate = soundfile.read(film.music, dtype="float32")
    waveform = waveform[: round(duration_s * sample_rate)]
    cv2.imwrite(str(media / f"{film.id}.jpg"), frames[len(frames) // 2][..., ::-1])
    save_spectrogram(media / f"{film.id}-generated.png", waveform, sample_rate)
    write_video(video, frames, rate, waveform[None], sample_rate)  # last: it says that all are there
