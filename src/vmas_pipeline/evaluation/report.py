"""The report: report.html, and media/ with the videos and spectrograms that it shows."""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.audio.fingerprint import SAME
from vmas_pipeline.evaluation.drawing import histogram, save_spectrogram, timeline
from vmas_pipeline.evaluation.measure import Measured, true_music
from vmas_pipeline.evaluation.page import write_page
from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.media import ClipSpec, local, read_preview, replace_audio, write_video
from vmas_pipeline.systems.generated import Record, read_clip

if TYPE_CHECKING:
    from pandas import DataFrame

PICTURE_SIZE = 360
"""Maximum side of the report's videos; smaller pictures keep their size."""

PICTURE_RATE = 30.0
"""Maximum frames per second of the report's videos."""

HEADLINE = ("mv_align", "genre_agreement", "r_at_10", "fad")
"""Results shown above the table."""

SCORES = {"generated": "generated music", "shuffled": "generated music, another video", "true": "true music"}
"""What the histograms of MV Align show."""


def write_report(
    folder: Path,
    metrics: Mapping[str, Any],
    clips: "DataFrame",
    measured: Measured,
    generated: Path,
    clip: ClipSpec,
    shown: list[str],
    worst: int = 0,
    run_id: str | None = None,
) -> Path:
    """Write report.html and its media.

    Args:
        folder: gets report.html and media/, whose previous content is replaced.
        metrics: contents of metrics.json.
        clips: contents of clips.parquet, one row per clip.
        measured: the measurement behind them.
        generated: the system's folder.
        clip: length and rates of a clip.
        shown: ids of the clips to show and play.
        worst: how many of them were chosen for their low MV Align.
        run_id: the MLflow run, named in the report.

    Returns:
        The path of report.html.
    """
    shutil.rmtree(folder / "media", ignore_errors=True)
    (folder / "media").mkdir(parents=True)
    rows = {row["clip_id"]: row for row in measured.rows}
    record = Record.read(generated)
    musics = {"generated": generated, "true": None}
    write_media(folder / "media", clip, [rows[name] for name in shown], musics)
    copies = _likest_copies(clips)
    _write_copies(folder / "media", clip, measured, copies, generated)
    results = [result for result in results_of(metrics) if result.value is not None]
    return write_page(
        folder / "report.html",
        "report.html.j2",
        run_id=run_id,
        metrics=metrics,
        results=results,
        headline=[result for result in results if result.name in HEADLINE],
        histograms=_histograms(clips),
        worst=min(worst, len(shown)),
        clips=_clips(clips, measured, clip, shown),
        copies=copies,
        same=SAME,
        summary=_summary(record, clip),
        settings=json.dumps(record.about, indent=2, default=str),
    )


def _histograms(clips: "DataFrame") -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": title,
            "mean": float(clips[f"mv_align_{name}"].mean()),
            "bars": histogram(clips[f"mv_align_{name}"].to_numpy()),
        }
        for name, title in SCORES.items()
    ]


def _clips(clips: "DataFrame", measured: Measured, clip: ClipSpec, shown: list[str]) -> list[dict[str, Any]]:
    """The page's data for each shown clip, the worst first."""
    table = clips.set_index("clip_id")
    index = {row["clip_id"]: i for i, row in enumerate(measured.rows)}
    entries = []
    for name in shown:
        i = index[name]
        row = measured.rows[i]
        musics = {"generated": measured.generated, "true": measured.true}
        drawn = timeline(
            measured.flow[i],
            flow_peaks(measured.flow[i], clip.frame_rate),
            {which: music.onsets_s[i] for which, music in musics.items()},
            clip.frame_rate,
            clip.duration_s,
            cuts_s=measured.cuts[i],
            rhythms={which: music.sounds[i].rhythm for which, music in musics.items()},
        )
        entries.append(
            {
                "id": name,
                "title": row.get("title") or name,
                "numbers": {"genre_heard": None, "retrieval_rank": None} | table.loc[name].to_dict(),
                "start_s": row["start_s"],
                "duration_s": clip.duration_s,
                "timeline": drawn,
            }
        )
    return sorted(entries, key=lambda entry: (entry["numbers"]["mv_align_generated"], entry["id"]))


def _likest_copies(clips: "DataFrame") -> list[dict[str, Any]]:
    """The pairs of a generated and a training clip that are most alike, by embedding and by fingerprint."""
    pairs = []
    for by, found in (("embedding", "nearest_training_distance"), ("fingerprint", "fingerprint_error")):
        row = clips.iloc[int(clips[found].argmin())]
        training = "nearest_training_clip" if by == "embedding" else "fingerprint_training_clip"
        pairs.append({"by": by, "clip": row["clip_id"], "training": row[training], "value": float(row[found])})
    return pairs


def _write_copies(
    media: Path, clip: ClipSpec, measured: Measured, copies: Sequence[Mapping[str, Any]], generated: Path
) -> None:
    """Write the generated and the true music of the pairs, under their own videos."""
    clips, training = ({row["clip_id"]: row for row in rows} for rows in (measured.rows, measured.training_rows))
    write_media(media, clip, [clips[name] for name in {pair["clip"] for pair in copies}], {"generated": generated})
    write_media(media, clip, [training[name] for name in {pair["training"] for pair in copies}], {"true": None})


def write_media(
    media: Path, clip: ClipSpec, rows: Sequence[Mapping[str, Any]], musics: Mapping[str, Path | None]
) -> None:
    """Write clips with each music, `<clip_id>-<name>.mp4`, its spectrogram, `.png`, and a still, `<clip_id>.jpg`.

    Args:
        media: the folder.
        clip: the clip format.
        rows: of the manifest.
        musics: name to the folder under 05_generated; None is the true music.
    """
    with ThreadPoolExecutor(2) as pool:  # FFmpeg runs outside the GIL
        list(pool.map(partial(_write_clip, media, clip, musics), rows))


def _write_clip(media: Path, clip: ClipSpec, musics: Mapping[str, Path | None], row: Mapping[str, Any]) -> None:
    import cv2

    name, video = row["clip_id"], local(row["source_path"])
    frames, rate = read_preview(
        video, size=PICTURE_SIZE, frame_rate=PICTURE_RATE, duration_s=clip.duration_s, start_s=row["start_s"]
    )
    cv2.imwrite(str(media / f"{name}.jpg"), frames[len(frames) // 2][..., ::-1])
    first = None
    for which, folder in musics.items():
        waveform = true_music(row, clip) if folder is None else read_clip(folder, name)
        sample_rate = clip.sample_rate if folder is None else Record.read(folder).sample_rate
        target = media / f"{name}-{which}.mp4"
        if first is None:
            first = target
            write_video(target, frames, rate, waveform[None], sample_rate)
        else:
            replace_audio(first, waveform[None], sample_rate, target)
        save_spectrogram(media / f"{name}-{which}.png", waveform, sample_rate)


def _summary(record: Record, clip: ClipSpec) -> dict[str, str]:
    seconds = list(record.compute_s.values())
    return {
        "System": f"{record.system}, revision {record.revision}, seed {record.seed}",
        **({"Model": f"{record.about['parameters'] / 1e6:.2f} M parameters"} if "parameters" in record.about else {}),
        "Clip": f"{clip.duration_s:g} s, {clip.frames_per_clip} frames of {clip.frame_size} x {clip.frame_size}",
        "Music": f"{record.sample_rate} Hz, {np.mean(seconds):.2f} s of CPU time a clip",
    }
