"""train: shards -> the model folder, through torchrun and DeepSpeed."""

from pathlib import Path

from kedro.pipeline import Pipeline, node

from vmas_pipeline.media import ClipSpec
from vmas_pipeline.tracking import active_logger
from vmas_pipeline.training.config import TrainConfig


def train_model(
    config: TrainConfig, clip: ClipSpec, features: Path, codec_model: Path, model_folder: Path, checkpoints_folder: Path
) -> Path:
    from vmas_pipeline.training.stage import train

    train(config, clip, features, codec_model, model_folder, checkpoints_folder, active_logger().run_id)
    return model_folder


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                train_model,
                ["params:train", "params:clip", "features", "codec_model", "model_folder", "checkpoints_folder"],
                "model",
                name="train_model",
            )
        ]
    )
