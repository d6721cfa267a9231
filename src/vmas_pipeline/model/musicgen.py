"""MusicGen's weights (audiocraft, transformers) under the music decoder's names."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from vmas_pipeline.model.weights import State

_FROM_AUDIOCRAFT = (
    (r"^emb\.", "embeddings."),
    (r"^linears\.", "outputs."),
    (r"^out_norm\.", "norm."),
    (r"^transformer\.", ""),
    (r"\.mha\.", "."),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.out_proj\.", ".out."),
    (r"^condition_provider\.conditioners\.description\.output_proj\.", "context_proj."),
)
_FROM_TRANSFORMERS = (
    (r"^(decoder\.)?(model\.decoder\.)?", ""),
    (r"^embed_tokens\.", "embeddings."),
    (r"^lm_heads\.", "outputs."),
    (r"^layer_norm\.", "norm."),
    (r"\.self_attn_layer_norm\.", ".norm1."),
    (r"\.encoder_attn_layer_norm\.", ".norm_cross."),
    (r"\.final_layer_norm\.", ".norm2."),
    (r"\.fc1\.", ".linear1."),
    (r"\.fc2\.", ".linear2."),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.encoder_attn\.", ".cross_attention."),
    (r"\.out_proj\.", ".out."),
    (r"^enc_to_dec_proj\.", "context_proj."),
)
PROJECTION = "context_proj."
_NOT_MUSIC = ("condition_provider.", "text_encoder.", "audio_encoder.", "embed_positions.")
"""Text and melody conditioners, the codec, and positions that are computed rather than loaded."""


def musicgen_weights(state: Mapping[str, Tensor], projection: Mapping[str, Tensor]) -> tuple[State, list[str]]:
    """MusicGen's weights under the music decoder's names.

    Args:
        state: of audiocraft's LMModel, or of transformers' MusicgenForCausalLM or ForConditionalGeneration.
        projection: weight and bias of our context projection; MusicGen's text projection replaces them if the shapes
            match, and is left out otherwise.

    Returns:
        The weights, and the entries left out.

    Raises:
        ValueError: the state is from neither.
    """
    rules = _FROM_AUDIOCRAFT if "emb.0.weight" in state else _FROM_TRANSFORMERS
    named = {_renamed(name, rules): (name, value) for name, value in state.items()}
    if "embeddings.0.weight" not in named:
        raise ValueError(
            "these weights are not MusicGen's: neither audiocraft's emb.0.weight nor transformers' "
            f"model.decoder.embed_tokens.0.weight is among them ({', '.join(list(state)[:3]) or 'none'}, ...)"
        )
    text = {
        new.removeprefix(PROJECTION): value.shape for new, (_, value) in named.items() if new.startswith(PROJECTION)
    }
    fits = text == {name: value.shape for name, value in projection.items()}
    unwanted = _NOT_MUSIC if fits else (*_NOT_MUSIC, PROJECTION)
    dropped = [old for new, (old, _) in named.items() if new.startswith(unwanted)]
    return _as_we_fuse({new: value for new, (old, value) in named.items() if not new.startswith(unwanted)}), dropped


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, ours in rules:
        name = re.sub(pattern, ours, name)
    return name


def _as_we_fuse(weights: State) -> State:
    """Query, key and value as one matrix in self-attention; key and value as one in cross-attention."""
    for name in [name for name in weights if name.endswith(".q_proj.weight")]:
        prefix = name.removesuffix("q_proj.weight")
        weights[f"{prefix}in_proj_weight"] = torch.cat([weights.pop(f"{prefix}{part}_proj.weight") for part in "qkv"])
    for name in [name for name in weights if name.endswith(".in_proj_weight")]:
        prefix, joined = name.removesuffix("in_proj_weight"), weights.pop(name)
        if prefix.endswith("cross_attention."):
            weights[f"{prefix}q.weight"], weights[f"{prefix}kv.weight"] = joined.tensor_split([joined.shape[1]])
        else:
            weights[f"{prefix}qkv.weight"] = joined
    return weights
