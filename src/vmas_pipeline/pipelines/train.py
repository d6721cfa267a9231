"""train: shards -> the model folder, with torchrun and DeepSpeed. train_plan: its cost, and the command."""

from pathlib import Path

from kedro.pipeline import Pipeline, node

from vmas_pipeline.features.shards import Folder
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.tracking import active_logger
from vmas_pipeline.training.config import TrainConfig


def train_model(
    config: TrainConfig,
    clip: ClipSpec,
    features: Folder,
    codec_model: Path,
    model_folder: Path,
    checkpoints_folder: Path,
) -> Path:
    from vmas_pipeline.training.stage import train

    train(config, clip, features, codec_model, model_folder, checkpoints_folder, active_logger().run_id)
    return model_folder


def plan_training(
    config: TrainConfig,
    clip: ClipSpec,
    shards_folder: Folder,
    codec_folder: Path,
    model_folder: Path,
    checkpoints_folder: Path,
) -> None:
    from vmas_pipeline.training.stage import plan_lines

    run_id = active_logger().run_id
    for line in plan_lines(config, clip, shards_folder, codec_folder, model_folder, checkpoints_folder, run_id):
        print(line)


def plan_pipeline() -> Pipeline:
    folders = ["shards_folder", "codec_folder", "model_folder", "checkpoints_folder"]
    return Pipeline([node(plan_training, ["params:train", "params:clip", *folders], None, name="plan_training")])


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
