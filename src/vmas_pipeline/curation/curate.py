"""Videos -> a manifest of clips, and a record of everything refused."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vmas_pipeline.curation import inspect
from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.groups import group_sources
from vmas_pipeline.curation.sources import file_state, find_sources
from vmas_pipeline.curation.split import split_sources
from vmas_pipeline.curation.table import columns, inspected_columns, refusal_columns
from vmas_pipeline.media import ClipSpec, portable, remove_partial, whole_file
from vmas_pipeline.parts import freeze
from vmas_pipeline.scale_out import map_shards
from vmas_pipeline.versioning import code_version

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Curated:
    """What curation found."""

    manifest: "DataFrame"  # a row for each clip, sorted by clip_id; columns: `table.columns`
    rejected: "DataFrame"  # a row for each refusal, sorted by source_path; columns: `table.refusal_columns`


def curate(config: CurationConfig, clip: ClipSpec, raw: Path, out: Path) -> Curated:
    """Examines all videos of a folder and cuts what is fit into clips; the cuts are virtual, nothing is re-encoded.

    Results are kept shard by shard in `out/shards`: a second run examines only shards with videos that are new, changed
    or could not be examined before; new videos form shards of their own. A change of the code that examines counts as a
    change of everything.

    Args:
        config: what is kept, and how the work is spread.
        clip: what a clip is.
        raw: any tree of videos, with yt-dlp's sidecars where there are any.
        out: gets parts/, shards/, and stems/ where voices are taken out.

    Raises:
        ValueError: no video in `raw`; a filter lacks its weights; not one video could be examined.
    """
    remove_partial(out)
    shards = _plan(config, clip, find_sources(raw), out)
    missing = [shard for shard in shards if not shard.done()]
    for each in config.chosen.values() if missing else ():
        each.prepare()
    task = partial(_inspect_shard, config, clip, out / "stems")
    for _ in map_shards(task, missing, backend=config.backend, workers=config.workers, description="curation"):
        pass
    _remove_others(out / "shards", {shard.result for shard in shards})
    curated = _assemble(config, [shard.result for shard in shards])
    _report_unexamined(curated)
    return curated


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """Videos for one task, and where its rows go."""

    paths: Sequence[Path]
    result: Path  # its name changes with the videos, the settings, the code and the clip

    def done(self) -> bool:
        """All of its videos were examined."""
        import pyarrow.parquet

        if not self.result.is_file():
            return False
        reasons = pyarrow.parquet.read_table(self.result, columns=["reason"])["reason"].to_pylist()
        return not set(reasons) & set(inspect.RETRIED)


def _plan(config: CurationConfig, clip: ClipSpec, paths: Sequence[Path], out: Path) -> list[_Shard]:
    """The shards, named by everything that their rows depend on; a video stays in the shard of its first run."""
    code = code_version(inspect.__name__, *(type(each).__module__ for each in config.chosen.values()))
    common = [code, config.identity(), asdict(clip), inspected_columns(config)]
    named, shards = {portable(path): path for path in paths}, []
    for names in freeze(out / "parts", list(named), config.sources_per_shard).values():
        part = [named[name] for name in names]
        key = json.dumps([common, [file_state(path) for path in part]], default=str)
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        shards.append(_Shard(paths=part, result=out / "shards" / f"{name}.parquet"))
    return shards


def _inspect_shard(config: CurationConfig, clip: ClipSpec, stems: Path, shard: _Shard) -> None:
    """One task: examines the videos and writes their rows atomically."""
    import pyarrow
    import pyarrow.parquet

    rows = [row for path in shard.paths for row in inspect.inspect_video(config, clip, stems, path)]
    types = [(name, pyarrow.type_for_alias(kind)) for name, kind in inspected_columns(config).items()]
    schema = pyarrow.schema([*types, ("fingerprint", pyarrow.list_(pyarrow.uint32()))])
    with whole_file(shard.result) as temporary:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), temporary)


def _assemble(config: CurationConfig, results: list[Path]) -> Curated:
    """Joins the shards' rows, refuses duplicates and splits what is left."""
    import pyarrow
    import pyarrow.parquet

    rows = pyarrow.concat_tables([pyarrow.parquet.read_table(result) for result in results]).to_pandas()
    rows = _refuse_duplicates(rows)
    kept = rows[rows["reason"].isna()].sort_values("clip_id", ignore_index=True)
    groups = kept["source_id"].map(_groups(kept))
    manifest = kept.assign(group_id=groups, split=groups.map(split_sources(groups, config.split)))
    rejected = rows[rows["reason"].notna()].sort_values(["source_path", "clip_id"], ignore_index=True)
    return Curated(
        manifest=manifest[list(columns(config))].astype(columns(config)),
        rejected=rejected[list(refusal_columns(config))].astype(refusal_columns(config)),
    )


def _groups(kept: "DataFrame") -> dict[str, str]:
    """Sources that are one video or one recording, by the sidecar's address and by the audio: group of each source."""
    sources = kept.drop_duplicates("source_id")
    keys = {
        str(source): hashlib.sha256(address.encode()).hexdigest()[:16] if isinstance(address, str) else str(source)
        for source, address in zip(sources["source_id"], sources["address"])
    }
    heard = kept[kept["fingerprint"].notna()]
    prints = {source: np.asarray(each, np.uint32) for source, each in zip(heard["source_id"], heard["fingerprint"])}
    return group_sources(keys, prints)


def _refuse_duplicates(rows: "DataFrame") -> "DataFrame":
    """Of videos with equal content the first by path stays; every other becomes one refusal."""
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


def _report_unexamined(curated: Curated) -> None:
    """Warns of videos that say nothing about themselves yet; where all are such, the fault is not theirs.

    Raises:
        ValueError: not one video could be examined.
    """
    unexamined = curated.rejected[curated.rejected["reason"].isin(inspect.RETRIED)]
    if unexamined.empty:
        return
    first = unexamined["detail"].iloc[0]
    if len(unexamined) == len(curated.rejected) and curated.manifest.empty:
        raise ValueError(f"not one of {len(unexamined)} videos could be examined; the first: {first}")
    logging.getLogger(__name__).warning(
        "%d videos could not be examined and will be tried again in the next run (rejected.parquet, reasons deferred "
        "and error); the first: %s",
        len(unexamined),
        first,
    )


def _remove_others(folder: Path, results: set[Path]) -> None:
    """Removes shards of other settings or videos."""
    for path in folder.glob("*.parquet"):
        if path not in results:
            path.unlink()
