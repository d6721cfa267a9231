"""features: clips -> training shards."""

from pathlib import Path

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.media import ClipSpec


def make_features(
    config: FeaturesConfig, clip: ClipSpec, manifest: pd.DataFrame, codec_model: Path, features_folder: Path
) -> Path:
    from vmas_pipeline.features.extract import extract_features

    return extract_features(config, clip, manifest, codec_model, features_folder)


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                make_features,
                ["params:features", "params:clip", "manifest", "codec_model", "features_folder"],
                "features",
                name="make_features",
            )
        ]
    )
