"""What curation and features cost at another size: some videos are worked through and timed."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
from tqdm import tqdm

from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.inspect import Row, inspect_video
from vmas_pipeline.curation.sources import find_sources
from vmas_pipeline.features.clip import extract_clip
from vmas_pipeline.features.config import CurationPlanConfig, FeaturesConfig
from vmas_pipeline.features.extract import INDEXED
from vmas_pipeline.features.shards import write_shard
from vmas_pipeline.media import ClipSpec, MediaError

T = TypeVar("T")
_HOUR_S, _DAY_S = 3600.0, 86400.0


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What was measured on some videos."""

    videos: int
    seconds: float  # of all
    bytes: int  # of all files
    inspected_cpu_s: float
    kept: int  # videos with a clip that was kept
    clips: int
    clips_offered: float  # by the videos, kept or not
    extracted_cpu_s: float
    extracted_gpu_s: float  # wall time of the extraction where a GPU took part, else 0
    shard_bytes: int


def plan_curation(
    plan: CurationPlanConfig, curation: CurationConfig, features: FeaturesConfig, clip: ClipSpec, raw: Path, codec: Path
) -> Iterator[str]:
    """The cost of curation and features for a data set of another size, line by line.

    Args:
        plan: the size, and the cluster.
        curation, features, clip: the settings that are planned for.
        raw: videos like those that the data set will have; some are drawn by a hash of their names.
        codec: folder or name for `load_codec`.

    Raises:
        ValueError: no video in `raw`, or as for `measure_rates`.
    """
    paths = find_sources(raw)
    drawn = sorted(paths, key=lambda path: hashlib.sha256(os.fsencode(path.name)).digest())[: plan.sample]
    rates = measure_rates(drawn, curation, features, clip, codec)
    yield f"measured on {len(drawn)} of {len(paths)} videos of {raw}, {rates.seconds / rates.videos:.1f} s each"
    yield from estimate(plan, rates, clip)


def measure_rates(
    paths: Sequence[Path], curation: CurationConfig, features: FeaturesConfig, clip: ClipSpec, codec: Path
) -> Rates:
    """Inspect the videos and extract their clips in this process, with the flow's own functions.

    Raises:
        ValueError: none of the videos is kept.
    """
    network = load_codec(codec)
    for each in curation.chosen.values():
        each.prepare()
    with tempfile.TemporaryDirectory() as folder:
        stems, shard = Path(folder) / "stems", Path(folder) / "0.tar"
        _ready([*_inspected(paths[:1], curation, clip, stems)], features, clip, network)
        rows, inspected_s, _ = _timed(lambda: [*_inspected(paths, curation, clip, stems)])
        kept = [row for row in rows if "reason" not in row]
        if not kept:
            raise ValueError(f"none of {len(paths)} videos is kept, the first: {rows[0]['detail']}")
        samples, extracted_s, wall_s = _timed(lambda: [*_extracted(kept, features, clip, network)])
        write_shard(shard, samples)
        shard_bytes = shard.stat().st_size
    lengths = {row["source_path"]: row["source_duration_s"] for row in rows if "source_duration_s" in row}
    unknown = len(paths) / len(lengths)  # videos of unknown length count like the others' mean
    return Rates(
        videos=len(paths),
        seconds=sum(lengths.values()) * unknown,
        bytes=sum(path.stat().st_size for path in paths),
        inspected_cpu_s=inspected_s,
        kept=len({row["source_id"] for row in kept}),
        clips=len(kept),
        clips_offered=sum(length // clip.duration_s for length in lengths.values()) * unknown,
        extracted_cpu_s=extracted_s,
        extracted_gpu_s=wall_s if torch.cuda.is_available() else 0.0,
        shard_bytes=shard_bytes,
    )


def estimate(plan: CurationPlanConfig, rates: Rates, clip: ClipSpec) -> Iterator[str]:
    """The plan in readable form: curation by the second of video, features by the clip."""
    offered = plan.candidates * (plan.duration_s // clip.duration_s)
    clips, share = offered * rates.clips / rates.clips_offered, rates.clips / rates.clips_offered
    longer, more = plan.candidates * plan.duration_s / rates.seconds, clips / rates.clips
    curation_s, features_s, gpu_s = (
        rates.inspected_cpu_s * longer,
        rates.extracted_cpu_s * more,
        rates.extracted_gpu_s * more,
    )
    days = max((curation_s + features_s) / plan.cores, gpu_s / plan.gpus) / _DAY_S
    yield f"candidates {plan.candidates:,} of {plan.duration_s:g} s: {rates.bytes * longer / 1e12:,.3g} TB of video"
    yield f"curation   {_hours(curation_s)} core-hours ({rates.inspected_cpu_s / rates.seconds:.3f} CPU s a second)"
    yield f"kept       {rates.kept} of {rates.videos} videos, {share:.0%} of the clips: {clips:,.0f} clips"
    yield f"features   {_hours(features_s)} core-hours ({rates.extracted_cpu_s / rates.clips:.2f} CPU s a clip)"
    yield f"           {_hours(gpu_s)} GPU-hours" + ("" if gpu_s else ": there is no GPU here, the CPU did all")
    per_clip = rates.shard_bytes / rates.clips
    yield f"shards     {rates.shard_bytes * more / 1e12:,.3g} TB ({per_clip / 1e3:.0f} kB a clip)"
    yield f"in all     {days:,.3g} days on {plan.cores:,} cores" + (f" and {plan.gpus:,} GPUs" if gpu_s else "")


def _inspected(paths: Sequence[Path], curation: CurationConfig, clip: ClipSpec, stems: Path) -> Iterator[Row]:
    for path in tqdm(paths, desc="curation", unit="video"):
        yield from inspect_video(curation, clip, stems, path)


def _ready(rows: Sequence[Row], features: FeaturesConfig, clip: ClipSpec, codec: Any) -> None:
    """Have everything loaded and compiled that the flow uses many times."""
    list(_extracted([row for row in rows if "reason" not in row][:1], features, clip, codec))


def _extracted(rows: Sequence[Row], features: FeaturesConfig, clip: ClipSpec, codec: Any) -> Iterator[Any]:
    for row in tqdm(rows, desc="features", unit="clip"):
        try:
            yield extract_clip({name: row.get(name) for name in (*INDEXED, "audio_path")}, features, clip, codec)
        except MediaError:  # the flow would record it; it costs what it costs
            continue


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """The result, with the CPU seconds of this process and its readers of foreign files, and the wall's."""
    before, started = _cpu_s(), time.monotonic()
    result = work()
    return result, _cpu_s() - before, time.monotonic() - started


def _cpu_s() -> float:
    this = psutil.Process()
    times = [each.cpu_times() for each in (this, *this.children(recursive=True))]
    gone = this.cpu_times()
    return sum(each.user + each.system for each in times) + gone.children_user + gone.children_system


def _hours(seconds: float) -> str:
    return f"{seconds / _HOUR_S:,.0f}"
