"""Published initial weights: Hiera's or CLIP's for the encoder, MusicGen's for the decoder (appendix B).

Hiera's and MusicGen's are under CC BY-NC 4.0, not for commercial use; CLIP's are under the MIT licence.
"""

import pickle
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from vmas_pipeline.model.encoders import encoder_kind
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.model.weights import Loaded
from vmas_pipeline.training.config import ModelConfig

WRAPPERS = ("best_state", "model_state", "state_dict")
"""Keys under which audiocraft, facebookresearch/hiera and others store a state dict."""


def load_pretrained(model: VMAs, config: ModelConfig) -> list[str]:
    """Load the weights named in the config into the model.

    Returns:
        One line per part: the file, and what was taken, adapted, kept and dropped.

    Raises:
        ValueError: a file is missing, unreadable, or of another model.
    """
    if config.init_from:
        file = Path(config.init_from) / "model.safetensors"
        model.load_state_dict(read_weights(file))
        return [f"training goes on from the model in {config.init_from}"]
    told = []
    for part, path, load in (
        ("video encoder", config.encoder_weights, model.video_encoder.load_published),
        ("music decoder", config.musicgen_weights, model.music_decoder.load_musicgen),
    ):
        if path is not None:
            try:
                told.append(f"{part}: {describe(load(read_weights(path)))}, from {path}")
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
    return told


def check_init_from(config: ModelConfig, code_vectors: Tensor) -> None:
    """Raise a ValueError, before any process starts, if the model to start from is missing or uses another codec.

    Args:
        config: names the model to start from.
        code_vectors: of the codec that the features were made with.
    """
    if config.init_from:
        with safe_open(Path(config.init_from) / "model.safetensors", "pt") as file:
            own = file.get_tensor("code_vectors")
        if own.shape != code_vectors.shape or not torch.equal(own, code_vectors):
            raise ValueError(
                f"train.model.init_from: the model in {config.init_from} was trained with another codec than these "
                f"features: set codec.pretrained to {config.init_from}/codec and run the pipelines codec and "
                "features again"
            )
    for setting, path, source in (
        (
            "encoder_weights",
            config.encoder_weights,
            encoder_kind(config.build().video.kind).network.published,
        ),
        (
            "musicgen_weights",
            config.musicgen_weights,
            "facebook/musicgen-medium's state_dict.bin, or transformers' model.safetensors",
        ),
    ):
        if path is not None and not path.is_file():
            raise ValueError(
                f"train.model.{setting} names {path}, and there is no such file: put {source} there, or set it to "
                "null, which starts from random weights"
            )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors or torch file; nothing in it is executed.

    Raises:
        ValueError: it cannot be read, or contains no state dict.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"no safetensors file, or a damaged one ({error}): download it again") from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"torch cannot read it ({str(error).splitlines()[0]}): download it again") from error
    for key in WRAPPERS:
        found = found.get(key, found) if isinstance(found, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def describe(loaded: Loaded) -> str:
    """The result of loading a state dict, as one line."""
    parts = [f"{len(loaded.taken)} weights taken"]
    parts += [f"{name}: {how}" for name, how in loaded.changed.items()]
    parts += [f"left as they were: {', '.join(loaded.kept)}"] if loaded.kept else []
    parts += [f"{len(loaded.dropped)} not used ({loaded.dropped[0]}, ...)"] if loaded.dropped else []
    return "; ".join(parts)
