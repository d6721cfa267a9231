"""Going on from a trained model, with its real processes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.generator import Generator
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import AdapterConfig, EngineConfig, ModelConfig
from vmas_pipeline.training.stage import train

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def trained(codec, clip, small_config, tmp_path_factory) -> Path:
    """A model folder with random weights and the codec of the features."""
    folder = tmp_path_factory.mktemp("trained") / "vmas"
    loaded = load_codec(codec)
    torch.manual_seed(3)
    model = VMAs(small_config().model.build(), loaded.code_vectors)
    Generator(model, loaded, clip, small_config().sampling).save(folder)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def changed(folder: Path, start: Path) -> set[str]:
    before = weights(start)
    return {name for name, value in weights(folder).items() if not torch.equal(value, before[name])}


def test_adapters_under_zero_change_the_decoders_matrices_alone(trained, features, codec, clip, small_config, tmp_path):
    config = small_config(
        model=ModelConfig(init_from=str(trained)),
        adapters=AdapterConfig(rank=2),
        engine=EngineConfig(processes=2, micro_batch=2, zero_stage=3, precision="bf16", activation_checkpointing="all"),
    )
    train(config, clip, features, codec, tmp_path / "tuned", tmp_path / "checkpoints")
    found = changed(tmp_path / "tuned", trained)
    layer = "music_decoder.layers.0."
    attention = {f"{layer}{kind}_attention.{name}.weight" for kind, name in
                 [("self", "qkv"), ("self", "out"), ("cross", "q"), ("cross", "kv"), ("cross", "out")]}  # fmt: skip
    assert found == attention | {f"{layer}linear1.weight", f"{layer}linear2.weight"}
    assert set(weights(tmp_path / "tuned")) == set(weights(trained))


def test_a_model_of_another_codec_is_refused_with_the_way_out(trained, features, clip, small_config, tmp_path):
    other = SinusoidalCodec(SinusoidalCodecConfig(width=16, blocks=1))
    other.initialise_codebooks(0.1 * torch.randn(2, 1, 16_000))
    other.save(tmp_path / "codec")
    config = replace(small_config(), model=ModelConfig(init_from=str(trained)))
    with pytest.raises(
        ValueError, match=rf"another codec than these features: set codec\.pretrained to {trained}/codec"
    ):
        train(config, clip, features, tmp_path / "codec", tmp_path / "tuned", tmp_path / "checkpoints")


def test_a_model_for_other_clips_is_refused(trained, features, codec, clip, small_config, tmp_path):
    config = replace(small_config(), model=ModelConfig(init_from=str(trained)))
    with pytest.raises(ValueError, match=r"video\.frame_size is 16, but clips and codec have 32: take clips and codec"):
        train(config, replace(clip, frame_size=32), features, codec, tmp_path / "tuned", tmp_path / "checkpoints")


def test_a_folder_that_is_no_model_is_refused(features, codec, clip, small_config, tmp_path):
    config = replace(small_config(), model=ModelConfig(init_from=str(tmp_path)))
    with pytest.raises(ValueError, match=r"has no config\.json: it is no model folder"):
        train(config, clip, features, codec, tmp_path / "tuned", tmp_path / "checkpoints")
