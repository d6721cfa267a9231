"""The filters, a file each. A new one is its file and a line here (docs/extending.md)."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from vmas_pipeline.curation.filters import loudness, presence, similarity, vocals
from vmas_pipeline.curation.filters.interface import Clip, ClipFilter, Filter, Scores, Verdict, Video, VideoFilter

FILTERS: dict[str, type[Filter]] = {
    "similarity": similarity.Similarity,
    "presence": presence.Presence,
    "loudness": loudness.Loudness,
    "vocals": vocals.Vocals,
}
"""By the name of their section in `curation.filters`, in the order in which they judge: those of videos come first."""


def filters_of(settings: Mapping[str, Any]) -> dict[str, Filter | None]:
    """All filters in their order, from settings by name: a mapping, a filter, or None for one that is left out.

    Raises:
        ValueError: there is no filter of that name, or its settings are wrong.
    """
    unknown = sorted(set(settings) - set(FILTERS))
    if unknown:
        raise ValueError(f"curation.filters.{unknown[0]}: no such filter; there are {', '.join(FILTERS)}")
    chosen = {name: settings.get(name, {}) for name in FILTERS}
    return {
        name: TypeAdapter(FILTERS[name]).validate_python(value) if isinstance(value, Mapping) else value
        for name, value in chosen.items()
    }


__all__ = ["FILTERS", "Clip", "ClipFilter", "Filter", "Scores", "Verdict", "Video", "VideoFilter", "filters_of"]
