"""Videos -> a manifest of clips, and a record of everything refused."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.inspect import Row, inspect_film
from vmas_pipeline.curation.sources import find_sources, fingerprint
from vmas_pipeline.curation.split import split_sources
from vmas_pipeline.media import ClipSpec, whole_file
from vmas_pipeline.scale_out import map_shards, split_into_shards

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {
    "clip_id": "str",
    "source_id": "str",
    "source_path": "str",
    "audio_path": "str",
    "start_s": "float64",
    "duration_s": "float64",
    "split": "str",
    "similarity": "float64",
    "vocal_score": "float64",
    "licence": "str",
    "genre": "str",
    "title": "str",
    "url": "str",
    "width": "int32",
    "height": "int32",
    "fps": "float64",
    "video_codec": "str",
    "audio_codec": "str",
    "sample_rate": "int32",
}
"""Columns of the manifest with their types. Times are seconds after the picture's start."""

REFUSAL_COLUMNS = {"stage": "str", "reason": "str", "detail": "str"}

REJECTED = ("source_path", "source_id", "clip_id", *REFUSAL_COLUMNS)
"""Columns of the record of refusals."""

_JUDGING = ("similarity", "vocals", "limits", "present", "silence_db")
"""Settings that a verdict depends on."""

_JUDGED_BY = 2
"""Rises when the same settings would judge otherwise, so that old shards are made anew."""


@dataclass(frozen=True, kw_only=True)
class Curated:
    """What curation found."""

    manifest: "DataFrame"  # a row for each clip, sorted by clip_id; columns: COLUMNS
    rejected: "DataFrame"  # a row for each refusal, sorted by source_path; columns: REJECTED


def curate(config: CurationConfig, clip: ClipSpec, raw: Path, out: Path) -> Curated:
    """Examines all films of a folder and cuts what is fit into clips; the cuts are virtual, nothing is re-encoded.

    Results are kept shard by shard in `out/shards`: a second run examines only what is new or changed.

    Args:
        config: what is kept, and how the work is spread.
        clip: what a clip is.
        raw: any tree of films, with yt-dlp's sidecars where there are any.
        out: gets shards/, and stems/ where voices are taken out.

    Raises:
        ValueError: no film in `raw`; the configuration asks for weights that are missing.
    """
    shards = [
        _Shard.of(config, clip, paths, out) for paths in split_into_shards(find_sources(raw), config.sources_per_shard)
    ]
    _remove_others(out / "shards", {shard.result for shard in shards})
    task = partial(_inspect_shard, config, clip, out / "stems")
    missing = [shard for shard in shards if not shard.result.is_file()]
    for _ in map_shards(task, missing, backend=config.backend, workers=config.workers, description="curation"):
        pass
    return _assemble(config, [shard.result for shard in shards])


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """Films for one task, and where its rows go."""

    paths: Sequence[Path]
    result: Path  # its name changes with the films, the settings and the clip

    @classmethod
    def of(cls, config: CurationConfig, clip: ClipSpec, paths: Sequence[Path], out: Path) -> "_Shard":
        judging = {name: asdict(config)[name] for name in _JUDGING}
        key = json.dumps([_JUDGED_BY, judging, asdict(clip), [fingerprint(path) for path in paths]], default=str)
        return cls(paths=paths, result=out / "shards" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet")


def _inspect_shard(config: CurationConfig, clip: ClipSpec, stems: Path, shard: _Shard) -> None:
    """One task: examines the films and writes their rows, whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    rows: list[Row] = [row for path in shard.paths for row in inspect_film(config, clip, stems, path)]
    types = {name: kind for name, kind in (COLUMNS | REFUSAL_COLUMNS).items() if name != "split"}
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in types.items()])
    with whole_file(shard.result) as temporary:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), temporary)


def _assemble(config: CurationConfig, results: list[Path]) -> Curated:
    """Joins the shards' rows, refuses duplicates and splits what is left."""
    import pyarrow
    import pyarrow.parquet

    rows = pyarrow.concat_tables([pyarrow.parquet.read_table(result) for result in results]).to_pandas()
    rows = _refuse_duplicates(rows)
    kept = rows[rows["reason"].isna()]
    splits = split_sources(kept["source_id"], config.split)
    manifest = kept.assign(split=kept["source_id"].map(splits)).sort_values("clip_id", ignore_index=True)
    rejected = rows[rows["reason"].notna()].sort_values(["source_path", "clip_id"], ignore_index=True)
    return Curated(
        manifest=manifest[list(COLUMNS)].astype(COLUMNS),
        rejected=rejected[list(REJECTED)].astype("str"),
    )


def _refuse_duplicates(rows: "DataFrame") -> "DataFrame":
    """Of films with equal content the first by path stays; every other becomes one refusal."""
    import pandas

    first = rows.groupby("source_id")["source_path"].transform("min")
    repeated = first.notna() & (rows["source_path"] != first)
    refusals = rows[repeated].assign(first=first[repeated]).drop_duplicates("source_path")
    refusals = refusals.assign(
        clip_id=None,
        stage="acquire",
        reason="duplicate",
        detail=refusals["source_path"] + " has the same content as " + refusals["first"],
    )
    return pandas.concat([rows[~repeated], refusals[rows.columns]], ignore_index=True)


def _remove_others(folder: Path, results: set[Path]) -> None:
    """Removes shards of other settings or films."""
    for path in folder.glob("*.parquet"):
        if path not in results:
            path.unlink()
