"""The model card: what the model was made from, what it reaches, and where it ends."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline import tracking
from vmas_pipeline.serving.gate import Check

if TYPE_CHECKING:
    from pandas import DataFrame

ROWS = (
    ("FAD, lower is better", "fad", "fad_reference.chance", "fad_reference.ceiling"),
    ("KL, lower is better", "kl", "kl_reference.chance", "kl_reference.ceiling"),
    ("MV Align", "mv_align.generated", "mv_align.shuffled", "mv_align.true"),
    (
        "MV Align, every local maximum a peak",
        "mv_align_local_maximum.generated",
        "mv_align_local_maximum.shuffled",
        "mv_align_local_maximum.true",
    ),
    ("Genre agreement", "genre_agreement", "genre_agreement_reference.chance", "genre_agreement_reference.ceiling"),
    ("Retrieval, R@1", "retrieval.r_at_1", "retrieval.chance.r_at_1", None),
    ("Retrieval, R@10", "retrieval.r_at_10", "retrieval.chance.r_at_10", None),
)
"""The card's table: a name, and where metrics.json has the value, its chance level and its ceiling."""


def model_card(model: Path, metrics: Mapping[str, Any], manifest: "DataFrame", checks: Iterable[Check]) -> str:
    """Write the card in Markdown.

    Args:
        model: the model folder; its config.json tells sizes and provenance.
        metrics: what evaluation wrote into metrics.json.
        manifest: the clips of the data set.
        checks: the rules of the gate and whether they were passed.
    """
    from jinja2 import Environment, StrictUndefined

    template = Path(__file__).with_name("model_card.md.j2").read_text()
    config = json.loads((model / "config.json").read_text())
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        config=config,
        training=tracking.flatten(config["training"]),
        figures=_figures(metrics),
        clips=metrics.get("clips"),
        data=_data(manifest),
        checks=list(checks),
    )


def _figures(metrics: Mapping[str, Any]) -> list[list[str]]:
    """The rows of the card's table, as text; what was not measured is left out."""
    known = {name: f"{v:.3g}" for name, v in tracking.flatten(metrics).items() if isinstance(v, int | float)}
    return [[title, *(known.get(n or "", "") for n in names)] for title, *names in ROWS if names[0] in known]


def _data(manifest: "DataFrame") -> dict[str, Any]:
    return {
        "clips": len(manifest),
        "sources": manifest["source_id"].nunique(),
        "hours": manifest["duration_s"].sum() / 3600,
        "splits": manifest["split"].value_counts().to_dict(),
        "licences": manifest["licence"].fillna("unknown").value_counts().to_dict(),
        "genres": manifest["genre"].dropna().value_counts().to_dict(),
    }
