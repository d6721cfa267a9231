"""The report: report.html, and beside it media/ with the films and spectrograms that it shows."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.evaluation.drawing import histogram, save_spectrogram, timeline
from vmas_pipeline.evaluation.figures import DEFINITIONS, Figures
from vmas_pipeline.evaluation.measure import Measured, Shown
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import ClipSpec, local, probe, read_frames, replace_audio, whole_file, write_video

PICTURE_SIZE = 360
"""Side of the report's films at most; smaller pictures keep their size."""

PICTURE_RATE = 30.0
"""Frames per second of the report's films at most."""

SCORES = {"generated": "generated music", "shuffled": "generated music, another video", "true": "true music"}
"""What the histograms of MV Align show."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the report's table."""

    name: str
    detail: str
    value: float
    chance: float | None
    ceiling: float | None
    lower_is_better: bool = False
    digits: int = 3

    @property
    def position(self) -> float | None:
        """Where the value lies between chance (0) and ceiling (1)."""
        if self.chance is None or self.ceiling is None or self.chance == self.ceiling:
            return None
        return float(np.clip((self.value - self.chance) / (self.ceiling - self.chance), 0, 1))


def write_report(
    folder: Path, figures: Figures, measured: Measured, generator: Generator, run_id: str | None = None
) -> Path:
    """Write report.html and its media.

    Args:
        folder: gets report.html and media/, whose former content is replaced.
        figures: the metrics and the table of clips.
        measured: what they came from; its `shown` clips are played.
        generator: the model that was measured, for the summary of its settings.
        run_id: the MLflow run, named in the report.

    Returns:
        The path of report.html.
    """
    from jinja2 import Environment, StrictUndefined

    shutil.rmtree(folder / "media", ignore_errors=True)
    (folder / "media").mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:  # FFmpeg works outside Python's lock
        list(pool.map(lambda shown: _write_media(folder / "media", shown, generator.clip), measured.shown))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.j2").read_text())
    page = template.render(
        run_id=run_id,
        metrics=figures.metrics,
        rows=table_rows(figures.metrics),
        histograms=_histograms(figures),
        clips=_clips(figures, measured, generator.clip),
        model=_model_summary(generator),
        settings=_settings(generator),
    )
    path = folder / "report.html"
    with whole_file(path) as temporary:
        temporary.write_text(page)
    return path


def table_rows(metrics: dict[str, Any]) -> list[Row]:
    """The table of metrics.json, each figure with its chance level and ceiling."""
    rows = [_alignment_row(metrics[name], name) for name in DEFINITIONS]
    if metrics["genre_agreement"] is not None:
        rows.append(_reference_row(metrics, "genre_agreement", "Genre agreement", _GENRE_DETAIL))
    retrieval = metrics["retrieval"]
    for name, title in (("r_at_1", "R@1"), ("r_at_10", "R@10")):
        detail = f"the video's own track among {retrieval['candidates']}; knowing the genre alone gives "
        detail += f"{retrieval['genre_alone'][name]:.3f}"
        chance = retrieval["chance"][name]
        rows.append(Row(name=title, detail=detail, value=retrieval[name], chance=chance, ceiling=1.0))
    rows.append(
        Row(
            name="Median rank",
            detail=f"of the video's own track among {retrieval['candidates']}",
            value=retrieval["median_rank"],
            chance=retrieval["chance"]["median_rank"],
            ceiling=1.0,
            lower_is_better=True,
            digits=1,
        )
    )
    training = metrics["fad_reference"]["training_music"]
    fad = f"{metrics['fad_embedding']}; chance is white noise; music of the training split scores {training:.2f}"
    rows.append(_reference_row(metrics, "fad", "FAD", fad, lower_is_better=True, digits=2))
    for name, title in (("kl", "KL, softmax"), ("kl_sigmoid", "KL, sigmoid")):
        detail = f"tags of {metrics['kl_tagger']}; chance is another clip's generated music"
        rows.append(_reference_row(metrics, name, title, detail, lower_is_better=True))
    return rows


_GENRE_DETAIL = "generated music heard as the video's genre, by a classifier taught with true music, plain and coded"
_PEAKS = {"prominent": "prominent peaks of the flow", "local_maximum": "every local maximum of the flow"}


def _alignment_row(figures: dict[str, Any], name: str) -> Row:
    interval = f"95 % interval {figures['low']:.3f} to {figures['high']:.3f}"
    return Row(
        name="MV Align" if figures["peaks"] == "prominent" else "MV Align, local maxima",
        detail=f"{_PEAKS[figures['peaks']]}; {interval}; true music through the codec {figures['codec']:.3f}",
        value=figures["generated"],
        chance=figures["shuffled"],
        ceiling=figures["true"],
    )


def _reference_row(metrics: dict[str, Any], name: str, title: str, detail: str, **settings: Any) -> Row:
    reference = metrics[f"{name}_reference"]
    return Row(
        name=title,
        detail=detail,
        value=metrics[name],
        chance=reference["chance"],
        ceiling=reference["ceiling"],
        **settings,
    )


def _histograms(figures: Figures) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": title,
            "mean": float(figures.clips[f"mv_align_{name}"].mean()),
            "bars": histogram(figures.clips[f"mv_align_{name}"].to_numpy()),
        }
        for name, title in SCORES.items()
    ]


def _clips(figures: Figures, measured: Measured, clip: ClipSpec) -> list[dict[str, Any]]:
    """What the page says of each shown clip."""
    table = figures.clips.set_index("clip_id")
    index = {row["clip_id"]: i for i, row in enumerate(measured.rows)}
    shown = []
    for row in (kept.row for kept in measured.shown):
        i, name = index[row["clip_id"]], row["clip_id"]
        onsets = {"generated": measured.generated.onsets_s[i], "true": measured.true.onsets_s[i]}
        peaks = flow_peaks(measured.flow[i], clip.frame_rate)
        shown.append(
            {
                "id": name,
                "title": row.get("title") or name,
                "numbers": table.loc[name].to_dict(),
                "start_s": row["start_s"],
                "duration_s": clip.duration_s,
                "timeline": timeline(measured.flow[i], peaks, onsets, clip.frame_rate, clip.duration_s),
            }
        )
    return sorted(shown, key=lambda entry: (str(entry["numbers"]["genre"]), entry["id"]))


def _write_media(media: Path, shown: Shown, clip: ClipSpec) -> None:
    """The clip's picture under both musics, a still of it, and both spectrograms."""
    import cv2

    row, name = shown.row, shown.row["clip_id"]
    info = probe(local(row["source_path"]))
    rate = min(info.fps, PICTURE_RATE)
    frames = read_frames(
        local(row["source_path"]),
        frame_rate=rate,
        size=min(info.width, info.height, PICTURE_SIZE) // 2 * 2,
        start_s=row["start_s"],
        frames=round(clip.duration_s * rate),
    )
    cv2.imwrite(str(media / f"{name}.jpg"), frames[len(frames) // 2][..., ::-1])
    film = media / f"{name}-generated.mp4"
    write_video(film, frames, rate, shown.generated[None], clip.sample_rate)
    replace_audio(film, shown.true[None], clip.sample_rate, media / f"{name}-true.mp4")
    save_spectrogram(media / f"{name}-generated.png", shown.generated, clip.sample_rate)
    save_spectrogram(media / f"{name}-true.png", shown.true, clip.sample_rate)


def _model_summary(generator: Generator) -> dict[str, str]:
    clip, codec, sampling = generator.clip, generator.codec, generator.sampling
    millions = sum(weights.numel() for weights in generator.model.parameters()) / 1e6
    return {
        "Model": f"{millions:.2f} M parameters",
        "Clip": f"{clip.duration_s:g} s, {clip.frames_per_clip} frames of {clip.frame_size} x {clip.frame_size}",
        "Music": f"{clip.sample_rate} Hz, {codec.codebooks} codebooks of {codec.card} at {codec.frame_rate:g} Hz",
        "Sampling": ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(sampling).items()),
    }


def _settings(generator: Generator) -> str:
    """The whole configuration of the model, and what its training left with it."""
    settings = {"model": generator.model.config.to_dict(), "training": generator.training}
    return json.dumps(settings, indent=2, default=str)
