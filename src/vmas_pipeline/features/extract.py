"""Clips to WebDataset shards, one shard per task, resumable."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.features.shards import Sample, check_strip, write_shard
from vmas_pipeline.media import ClipSpec, MediaError, remove_partial, whole_file
from vmas_pipeline.parts import freeze
from vmas_pipeline.versioning import code_version, content_hash

if TYPE_CHECKING:
    import pandas as pd

    from vmas_pipeline.codec.interface import AudioCodec

CUTS = "cuts_s"
"""Only in the tables: the evaluation alone needs cuts."""
CURVES = ("flow", "onsets_s", "peaks_s", CUTS)
COUNTED = ("frames", "tokens", "music_beats", "video_beats", "aligned_beats")
PLACED = ("position", "offset", "length")
"""A sample's number in its shard, its byte offset there, and its length in bytes."""
INDEXED = ("clip_id", "split", "genre", "source_id", "source_path", "start_s", "duration_s", "licence")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The work of one task."""

    path: Path
    """The tar to write; its record, a parquet file, is under records/ next to it."""
    key: str
    """Hash of everything that determines the content: a shard with the same key is not regenerated."""
    rows: "pd.DataFrame"
    """Rows of the manifest: a slice of its arrays, not objects."""

    @property
    def record(self) -> Path:
        """File listing the shard's contents and failures, written after the tar."""
        split = self.path.parent
        return split.parent / "records" / split.name / f"{self.path.stem}.parquet"


def extract_features(config: FeaturesConfig, clip: ClipSpec, manifest: "pd.DataFrame", codec: Path, out: Path) -> Path:
    """Write the shards and `index.parquet` of every split, `curves.parquet` and `failed.parquet`.

    An existing shard made from the same rows with the same settings and codec is kept, so a killed run resumes. A clip
    that cannot be read becomes a row of failed.parquet.

    Args:
        manifest: rows of the curated clips (02_curated/manifest.parquet).
        codec: folder or name for `load_codec`.
        out: the features folder.

    Returns:
        `out`.

    Raises:
        ValueError: an empty manifest, clips too large for a film strip, a codec with another sample rate, or no
            readable clip at all.
    """
    import pandas as pd

    from vmas_pipeline.scale_out import map_shards

    if manifest.empty:
        raise ValueError("the manifest has no clips: see data/02_curated/rejected.parquet for the reasons")
    check_strip(clip.frames_per_clip, clip.frame_size)
    _check_rate(codec, clip)
    remove_partial(out)
    shards = plan(config, clip, manifest, codec, out)
    _remove_others(out, shards)
    missing = [shard for shard in shards if not _done(shard)]
    task = partial(make_shard, config=config, clip=clip, codec=codec)
    for _ in map_shards(task, missing, backend=config.backend, workers=config.workers, description="features"):
        pass
    records = pd.concat([pd.read_parquet(shard.record) for shard in shards], ignore_index=True)
    _write_tables(records, out)
    return out


def plan(config: FeaturesConfig, clip: ClipSpec, manifest: "pd.DataFrame", codec: Path, out: Path) -> list[Shard]:
    """The shards of each split, in row order; a clip stays in the shard of its first run."""
    settings = {name: value for name, value in asdict(config).items() if name not in ("backend", "workers")}
    settings["raft_weights"] = config.raft_weights and content_hash(config.raft_weights)
    common = [code_version("vmas_pipeline.features.clip", __name__), settings, asdict(clip), content_hash(codec)]
    shards = []
    for split, part in manifest[[*INDEXED, "audio_path"]].groupby("split", sort=True):
        rows = part.set_index("clip_id", drop=False)
        for number, names in freeze(out / "parts" / str(split), list(rows.index), config.shard_size).items():
            chosen = rows.loc[names]
            text = json.dumps(common, sort_keys=True, default=str) + chosen.to_csv(index=False)
            key = hashlib.sha256(text.encode()).hexdigest()[:16]
            shards.append(Shard(path=out / str(split) / f"{number:06d}.tar", key=key, rows=chosen))
    return shards


def make_shard(shard: Shard, *, config: FeaturesConfig, clip: ClipSpec, codec: Path) -> str:
    """Extract one shard's clips, write its tar and then its record; runs in a worker."""
    import pandas as pd

    from vmas_pipeline.features.clip import extract_clip
    from vmas_pipeline.features.cuts import find_cuts

    network = _codec(str(codec), content_hash(codec))
    samples: list[Sample] = []
    records: list[dict[str, Any]] = []
    for row in cast("list[dict[str, Any]]", shard.rows.to_dict("records")):
        about = {name: row.get(name) for name in INDEXED}
        try:
            sample = extract_clip(row, config, clip, network)
        except MediaError as error:
            records.append(about | {"reason": error.reason, "detail": str(error)})
            continue
        curves = {name: getattr(sample, name).tolist() for name in CURVES if name != CUTS}
        curves[CUTS] = find_cuts(sample.frames, clip.frame_rate).tolist()
        records.append(about | {"shard": shard.path.name, "position": len(samples)} | _counts(sample) | curves)
        samples.append(sample)
    spans = write_shard(shard.path, samples)
    for record in records:
        if "position" in record:
            record["offset"], record["length"] = spans[record["position"]]
    with whole_file(shard.record) as temporary:
        pd.DataFrame(records, columns=_columns()).assign(key=shard.key).to_parquet(temporary, index=False)
    return shard.path.name


def _check_rate(codec: Path, clip: ClipSpec) -> None:
    rate = _codec(str(codec), content_hash(codec)).sample_rate
    if rate != clip.sample_rate:
        raise ValueError(
            f"the codec in {codec} works at {rate} Hz, the clips at {clip.sample_rate}: set clip.sample_rate to {rate} "
            "or choose another codec"
        )


def _counts(sample: Sample) -> dict[str, int]:
    return {
        "frames": len(sample.frames),
        "tokens": sample.codes.shape[1],
        "music_beats": int(sample.music_beats.sum()),
        "video_beats": int(sample.video_beats.sum()),
        "aligned_beats": int((sample.music_beats & (sample.beat_weights == 1)).sum()),
    }


def _columns() -> list[str]:
    return [*INDEXED, "shard", *PLACED, *COUNTED, *CURVES, "reason", "detail"]


@cache
def _codec(name_or_path: str, fingerprint: str) -> "AudioCodec":
    """One codec per worker process, reloaded when its file has changed."""
    from vmas_pipeline.codec.interface import load_codec

    return load_codec(name_or_path)


def _done(shard: Shard) -> bool:
    import pyarrow.parquet as parquet

    if not shard.path.is_file() or not shard.record.is_file():
        return False
    return parquet.read_table(shard.record, columns=["key"])["key"][0].as_py() == shard.key


def _remove_others(out: Path, shards: list[Shard]) -> None:
    """Delete shards of an earlier, longer manifest: readers use every tar of a split."""
    wanted = {path for shard in shards for path in (shard.path, shard.record)}
    for path in [*out.glob("*/[0-9]*.tar"), *out.glob("records/*/[0-9]*.parquet")]:
        if path not in wanted:
            path.unlink()


def _write_tables(records: "pd.DataFrame", out: Path) -> None:
    """index.parquet of each split, curves.parquet, failed.parquet."""
    failed = records["reason"].notna()
    if failed.all():
        first = records.iloc[0]
        raise ValueError(f"not one of {len(records)} clips could be read; the first: {first['detail']}")
    good = records[~failed].sort_values("clip_id", ignore_index=True)  # the order of training, whatever the shards
    tables = {
        "failed.parquet": records.loc[failed, [*INDEXED, "reason", "detail"]],
        "curves.parquet": good[["clip_id", "split", "genre", *CURVES]],
    }
    for split, part in good.groupby("split", sort=True):
        tables[f"{split}/index.parquet"] = part[[*INDEXED, "shard", *PLACED, *COUNTED]].astype(
            dict.fromkeys((*PLACED, *COUNTED), "int64")
        )
    for name, table in tables.items():
        with whole_file(out / name) as temporary:
            table.to_parquet(temporary, index=False)
