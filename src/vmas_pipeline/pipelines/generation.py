"""generation: music of the system for held-out clips, and the true music through the codec."""

from pathlib import Path

from kedro.pipeline import Pipeline, node

from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig


def generate(config: GenerationConfig, clip: ClipSpec, model: Path, features: Path, generated_folder: Path) -> Path:
    from vmas_pipeline.systems import load_system
    from vmas_pipeline.systems.generate import generate_clips

    system = load_system(config.system, model, **config.options)
    return generate_clips(config, clip, system, features, generated_folder)


def reconstruct(config: GenerationConfig, codec_model: Path, features: Path, reconstructed_folder: Path) -> Path:
    from vmas_pipeline.systems import load_system
    from vmas_pipeline.systems.generate import reconstruct_clips

    return reconstruct_clips(config, load_system("codec", codec_model), features, reconstructed_folder)


def pipeline() -> Pipeline:
    return Pipeline(
        [
            node(
                generate,
                ["params:generation", "params:clip", "model", "features", "generated_folder"],
                "generated",
                name="generate_clips",
            ),
            node(
                reconstruct,
                ["params:generation", "codec_model", "features", "reconstructed_folder"],
                "reconstructed",
                name="reconstruct_clips",
            ),
        ]
    )
