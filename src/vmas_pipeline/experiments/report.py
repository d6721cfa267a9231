"""An experiment's report: its table with the paper's figures, and every system's music under the same clips."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.rhythm import rhythm
from vmas_pipeline.evaluation.drawing import timeline
from vmas_pipeline.evaluation.evaluate import choose
from vmas_pipeline.evaluation.measure import true_music
from vmas_pipeline.evaluation.page import write_page
from vmas_pipeline.evaluation.report import write_media
from vmas_pipeline.evaluation.result import results_of
from vmas_pipeline.experiments.quoted import PAPER, TITLES
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.generated import Record, read_clip

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {
    "mv_align": ("MV Align", "↑", 3),
    "fad": ("FAD", "↓", 2),
    "kad": ("KAD", "↓", 2),
    "kl": ("KL", "↓", 3),
    "genre_agreement": ("Genre", "↑", 3),
    "in_tune": ("In tune", "↑", 3),
    "onset_density": ("Onsets a peak", "", 2),
    "onset_to_cut": ("Cuts with onset", "↑", 3),
    "tempo": ("Tempo", "↑", 3),
    "key": ("Key", "↑", 3),
    "loudness": ("LUFS", "", 1),
    "r_at_10": ("R@10", "↑", 3),
    "compute_s": ("CPU s", "↓", 2),  # a clip
}
"""Columns of the page's table: title, direction and digits."""


def write_experiment_report(
    out: Path,
    name: str,
    table: "DataFrame",
    work: Path,
    clip: ClipSpec,
    features: Path,
    manifest: "DataFrame",
    shown: int,
    worst: int = 0,
) -> Path:
    """Write `<name>.html`, and its media into `<name>-media/`.

    Args:
        out: the folder.
        name: the experiment's.
        table: from `run_experiment`; its first column names the variants.
        work: the experiment's folder, with one for each variant and seed.
        clip: the clip format.
        features: folder of the features, for the flow curves.
        manifest: the clips.
        shown: how many clips are shown and played.
        worst: how many of them are those with the least MV Align under the first system.

    Returns:
        The path of the page.
    """
    table = table.fillna({"verdict": "", "note": ""})  # a CSV has no empty text
    label = table.columns[0]
    first_seed = table[table["seed"] == table["seed"].iloc[0]]
    folders = {row[label]: work / f"{row[label]}-{row['seed']}" for row in first_seed.to_dict("records")}
    first = next(iter(folders.values()))
    metrics = json.loads((first / "metrics.json").read_text())
    media = out / f"{name}-media"
    shutil.rmtree(media, ignore_errors=True)
    media.mkdir(parents=True)
    clips = _clips(folders, clip, features, manifest, media, shown, worst)
    return write_page(
        out / f"{name}.html",
        "experiment_report.html.j2",
        name=name,
        label=label,
        columns=COLUMNS,
        rows=_rows(table, label),
        levels={result.name: result for result in results_of(metrics) if result.name in COLUMNS},
        quoted=PAPER.get(name, {}),
        quoted_titles=TITLES,
        titles=[*folders, "true"],
        media=media.name,
        metrics=metrics,
        clips=clips,
        worst=min(worst, len(clips)),
    )


def _rows(table: "DataFrame", label: str) -> list[dict[str, Any]]:
    """Means over the seeds, and of the first seed what is said in words."""
    rows = []
    for variant, own in table.groupby(label, sort=False):
        means = {column: own[column].astype(float).mean() for column in (*COLUMNS, "training_cpu_s") if column in own}
        known = {column: None if np.isnan(value) else value for column, value in means.items()}
        words = {"name": variant, "seeds": len(own), **{key: own[key].iloc[0] for key in ("verdict", "note")}}
        bounds = {side: own[f"mv_align_{side}"].mean() for side in ("low", "high")}
        rows.append({**dict.fromkeys((*COLUMNS, "training_cpu_s")), **known, **words, **bounds})
    return rows


def _clips(
    folders: dict[str, Path],
    clip: ClipSpec,
    features: Path,
    manifest: "DataFrame",
    media: Path,
    shown: int,
    worst: int,
) -> list[dict[str, Any]]:
    """The page's data for the shown clips, whose media are written; the first system's worst come first."""
    import pandas as pd

    scores = {name: pd.read_parquet(folder / "clips.parquet").set_index("clip_id") for name, folder in folders.items()}
    table = next(iter(scores.values()))
    chosen = choose(table.reset_index(), shown, worst)
    held = manifest[manifest["clip_id"].isin(chosen)].to_dict("records")
    rows = {row["clip_id"]: {str(key): value for key, value in row.items()} for row in held}
    music: dict[str, Path | None] = {name: folder / "generated" for name, folder in folders.items()}
    write_media(media, clip, [rows[name] for name in chosen], {**music, "true": None})
    curves = pd.read_parquet(features / "curves.parquet").set_index("clip_id")
    entries = []
    for clip_id in chosen:
        flow = np.asarray(curves.at[clip_id, "flow"], np.float32)
        played = {name: _played(folder / "generated", clip_id) for name, folder in folders.items()}
        played["true"] = true_music(rows[clip_id], clip), clip.sample_rate
        aligned = {name: own["mv_align_generated"][clip_id] for name, own in scores.items()}
        entry = {
            "id": clip_id,
            "title": rows[clip_id].get("title") or clip_id,
            "genre": table.at[clip_id, "genre"],
            "start_s": rows[clip_id]["start_s"],
            "duration_s": clip.duration_s,
            "mv_align": {**aligned, "true": table["mv_align_true"][clip_id]},
            "timeline": timeline(
                flow,
                flow_peaks(flow, clip.frame_rate),
                {name: onset_times(*each) for name, each in played.items()},
                clip.frame_rate,
                clip.duration_s,
                cuts_s=np.asarray(curves.at[clip_id, "cuts_s"], np.float32),
                rhythms={name: rhythm(*each) for name, each in played.items()},
            ),
        }
        entries.append(entry)
    first = next(iter(folders))
    return sorted(entries, key=lambda entry: (entry["mv_align"][first], entry["id"]))


def _played(folder: Path, clip_id: str) -> tuple[np.ndarray, int]:
    """A clip's music and its sample rate."""
    return read_clip(folder, clip_id), Record.read(folder).sample_rate
