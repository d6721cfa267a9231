"""codec: trains or copies the codec that turns music into tokens."""

from pathlib import Path

import pandas as pd
from kedro.pipeline import Pipeline, node

from vmas_pipeline.codec.config import CodecConfig
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.tracking import active_logger


def fit_codec(config: CodecConfig, clip: ClipSpec, manifest: pd.DataFrame, codec_folder: Path) -> Path:
    from vmas_pipeline.codec.training import train_codec

    train_codec(config, clip, manifest, codec_folder, active_logger())
    return codec_folder


def pipeline() -> Pipeline:
    return Pipeline(
        [node(fit_codec, ["params:codec", "params:clip", "manifest", "codec_folder"], "codec_model", name="fit_codec")]
    )
