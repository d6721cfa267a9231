"""The tables of curation: their columns, and the data set's characteristics (paper Table 1)."""

from typing import TYPE_CHECKING

from vmas_pipeline.curation.config import CurationConfig

if TYPE_CHECKING:
    from pandas import DataFrame

_REFUSAL = {"stage": "str", "reason": "str", "detail": "str"}


def columns(config: CurationConfig) -> dict[str, str]:
    """Columns of the manifest with their types; times are seconds after the picture's start."""
    return {
        "clip_id": "str",
        "source_id": "str",
        "group_id": "str",
        "source_path": "str",
        "audio_path": "str",
        "start_s": "float64",
        "duration_s": "float64",
        "split": "str",
        **dict.fromkeys(config.scores, "float64"),
        "licence": "str",
        "genre": "str",
        "title": "str",
        "url": "str",
        "source_duration_s": "float64",
        "width": "int32",
        "height": "int32",
        "fps": "float64",
        "video_codec": "str",
        "audio_codec": "str",
        "sample_rate": "int32",
    }


def refusal_columns(config: CurationConfig) -> dict[str, str]:
    """Columns of the record of refusals with their types; scores that were not measured are missing."""
    names = {"source_path": "str", "source_id": "str", "clip_id": "str", **_REFUSAL}
    return names | {"source_duration_s": "float64", **dict.fromkeys(config.scores, "float64")}


def inspected_columns(config: CurationConfig) -> dict[str, str]:
    """Columns of a shard's rows with their types, before splits are known."""
    found = {name: kind for name, kind in columns(config).items() if name not in ("split", "group_id")}
    return found | {"address": "str"} | _REFUSAL


def characteristics(config: CurationConfig, manifest: "DataFrame", rejected: "DataFrame") -> "DataFrame":
    """The data set in numbers, as in the paper's Table 1: candidates, what was kept of them, and each split.

    Scores of a video, such as its similarity, are averaged over videos, those of clips over clips; over candidates only
    as far as they were measured (all of them with `curation.measure_all`).

    Returns:
        A row for each set: its videos, clips, hours (of whole videos for the candidates) and mean scores.
    """
    import pandas

    candidates = pandas.concat([manifest, rejected[rejected["reason"] != "duplicate"]], ignore_index=True)
    sets = {"candidates": candidates, "kept": manifest}
    sets |= {str(split): part for split, part in manifest.groupby("split", sort=False)}
    of_videos = [name for each in config.video_filters.values() for name in each.columns]
    of_clips = [name for each in config.clip_filters.values() for name in each.columns]
    rows = []
    for name, part in sets.items():
        videos = part.drop_duplicates("source_path")
        lengths = videos["source_duration_s"] if name == "candidates" else part["duration_s"]
        counts = {"set": name, "videos": len(videos), "clips": part["clip_id"].nunique(), "hours": lengths.sum() / 3600}
        rows.append(counts | videos[of_videos].mean().to_dict() | part[of_clips].mean().to_dict())
    return pandas.DataFrame(rows)
