"""Low-rank adapters (LoRA, Hu et al. 2021) for fine-tuning with little memory, using peft."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor

from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import AdapterConfig

if TYPE_CHECKING:
    from peft import LoraModel

DECODER_MATRICES = r"music_decoder\.layers\.\d+\.((self|cross)_attention\.(qkv|q|kv|out)|linear[12])"
"""Adapted modules: attention and MLP of every decoder layer."""


def add_adapters(model: VMAs, config: AdapterConfig) -> "LoraModel":
    """Freeze a model in place, and add trainable adapters to the decoder's matrices; initially they contribute zero."""
    from peft import LoraConfig, LoraModel  # takes seconds, so only imported when used

    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=DECODER_MATRICES
    )
    return LoraModel(model, lora, "default")


def merged(model: VMAs, weights: Mapping[str, Tensor], config: AdapterConfig) -> VMAs:
    """A model with the adapters merged into its matrices.

    Args:
        model: of the right sizes; it is modified.
        weights: of the model with adapters, as training names them.
        config: the adapters.
    """
    tuner = add_adapters(model, config)
    model.load_state_dict(weights, strict=False)  # the code vectors are already set
    return cast(VMAs, tuner.merge_and_unload())
