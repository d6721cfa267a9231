"""A metric's result: one record, read by metrics.json, the report, the card, the gates and the tables."""

# N clips

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.media import whole_file

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """A value between its chance level and its ceiling."""

    name: str
    """Key in metrics.json: mv_align."""
    title: str
    """Title in tables: MV Align."""
    value: float | None
    """None if this data cannot provide it."""
    chance: float | None = None
    """The best result achievable without the video."""
    ceiling: float | None = None
    """The result of the true music."""
    higher_is_better: bool | None = True
    """None: neither, best at the ceiling."""
    unit: str = ""
    interval: tuple[float, float] | None = None
    """95 % interval of the value."""
    levels: dict[str, float] = field(default_factory=dict)
    """Further levels by name: shuffled, metronome, codec."""
    level_intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """95 % intervals of levels, by their names."""
    per_clip: dict[str, np.ndarray] = field(default_factory=dict)
    """Columns of clips.parquet, [N] each."""
    measured_with: str = ""
    """Model, definition, partners: what must agree for two values to be comparable."""
    note: str = ""
    """A caveat for readers of this value."""
    digits: int = 3

    @property
    def position(self) -> float | None:
        """Position of the value between chance (0) and ceiling (1); None if the two do not span a scale."""
        if self.value is None or self.chance is None or self.ceiling is None or self.higher_is_better is None:
            return None
        span = self.ceiling - self.chance if self.higher_is_better else self.chance - self.ceiling
        if span <= 0:
            return None
        rise = self.value - self.chance if self.higher_is_better else self.chance - self.value
        return float(np.clip(rise / span, 0, 1))

    def to_dict(self) -> dict[str, Any]:
        """The entry in metrics.json: everything except the per-clip values."""
        return {key: value for key, value in asdict(self).items() if key != "per_clip"} | {"position": self.position}


def results_of(metrics: Mapping[str, Any]) -> list[MetricResult]:
    """The results in a metrics.json, without the per-clip values."""
    made = []
    for stored in metrics["results"].values():
        fields = {key: value for key, value in stored.items() if key != "position"}
        fields["interval"] = tuple(i) if (i := fields["interval"]) else None
        fields["level_intervals"] = {name: tuple(i) for name, i in fields.get("level_intervals", {}).items()}
        made.append(MetricResult(**fields))
    return made


def to_metrics(results: Iterable[MetricResult]) -> dict[str, Any]:
    """The results as stored in metrics.json: each as a record, plus the short keys that external readers use."""
    records = {result.name: result.to_dict() for result in results}
    short: dict[str, Any] = {name: records[name]["value"] for name in ("fad", "kl") if name in records}
    for name in ("mv_align", "mv_align_local_maximum"):
        if name in records:
            short[name] = {"generated": records[name]["value"], **records[name]["levels"]}
    if "r_at_10" in records:
        short["retrieval"] = {name: records[name]["value"] for name in ("r_at_1", "r_at_10", "median_rank")}
        short["retrieval"]["candidates"] = records["r_at_10"]["levels"]["candidates"]
    if "genre_agreement" in records:
        short["genre_agreement"] = records["genre_agreement"]["value"]
    return {**short, "results": records}


def clips_table(about: Mapping[str, Any], results: Iterable[MetricResult]) -> "DataFrame":
    """One row per clip: descriptive columns, and each metric's per-clip values."""
    from pandas import DataFrame

    columns = dict(about)
    for result in results:
        columns |= result.per_clip
    return DataFrame(columns)


def write_results(out: Path, metrics: Mapping[str, Any], clips: "DataFrame") -> None:
    """Write metrics.json and clips.parquet into a folder, each atomically."""
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(out / "clips.parquet") as temporary:
        clips.to_parquet(temporary, index=False)
    with whole_file(out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
