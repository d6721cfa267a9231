"""curation: videos -> a manifest of clips, and a record of everything refused."""

from pathlib import Path

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.curation import CurationConfig, Validation, characteristics, curate, require_valid, validate
from vmas_pipeline.media import ClipSpec


def curate_videos(
    config: CurationConfig, clip: ClipSpec, raw_videos: Path, curated_folder: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    curated = curate(config, clip, raw_videos, curated_folder)
    return curated.manifest, curated.rejected


def tabulate_characteristics(config: CurationConfig, candidates: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    return characteristics(config, candidates, rejected)


def validate_candidates(config: CurationConfig, candidates: pd.DataFrame, curated_folder: Path) -> Validation:
    """Write the Data Docs first: they must survive a refusal."""
    return validate(config, candidates, curated_folder / "data_docs")


def admit_candidates(candidates: pd.DataFrame, validation: Validation) -> pd.DataFrame:
    """The manifest is written only when the candidates pass."""
    require_valid(validation)
    return candidates


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                curate_videos,
                ["params:curation", "params:clip", "raw_videos", "curated_folder"],
                ["candidates", "rejected"],
                name="curate_videos",
            ),
            node(
                tabulate_characteristics,
                ["params:curation", "candidates", "rejected"],
                "dataset_table",
                name="tabulate_characteristics",
            ),
            node(
                validate_candidates,
                ["params:curation", "candidates", "curated_folder"],
                "validation",
                name="validate_candidates",
            ),
            node(admit_candidates, ["candidates", "validation"], "manifest", name="admit_candidates"),
        ]
    )
