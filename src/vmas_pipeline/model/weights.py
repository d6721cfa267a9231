"""Published weights under our names: Hiera's (facebookresearch, timm) and MusicGen's (audiocraft, transformers)."""

# D width, T time steps, P places of a frame

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[str, Tensor]

KERNEL, TIMES = "patch_embed.proj.weight", "pos_embed_temporal"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What became of a state dict."""

    taken: tuple[str, ...]
    """Our parameters that it filled."""
    kept: tuple[str, ...]
    """Our parameters that it says nothing about; they stay as they were."""
    dropped: tuple[str, ...]
    """Its entries that this model has no place for."""
    changed: dict[str, str] = field(default_factory=dict)
    """Our parameters whose weights were made to fit, and how."""


def load(module: nn.Module, weights: State, dropped: list[str], changed: dict[str, str], may_stay: set[str]) -> Loaded:
    """Fill a module with weights that bear its own names, all of them or none.

    Args:
        module: what to fill.
        weights: by the module's names.
        dropped, changed: for the report.
        may_stay: parameters that may be left as they are.

    Raises:
        ValueError: shapes that differ, parameters without weights, or weights without parameters; the message names
            them.
    """
    ours = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    problems = [
        f"{name} is {list(ours[name])} here and {list(value.shape)} there"
        for name, value in weights.items()
        if name in ours and ours[name] != value.shape
    ]
    problems += [f"{name} is not part of this model" for name in weights if name not in ours]
    kept = tuple(name for name in ours if name not in weights)
    problems += [f"{name} is missing there" for name in kept if name not in may_stay]
    if problems:
        shown = "; ".join(problems[:4]) + (f"; and {len(problems) - 4} more" if len(problems) > 4 else "")
        raise ValueError(f"these weights are of another model: {shown}")
    module.load_state_dict(weights, strict=False)
    return Loaded(taken=tuple(weights), kept=kept, dropped=tuple(dropped), changed=changed)


def hiera_weights(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> tuple[State, list[str], dict[str, str]]:
    """Hiera's weights under the video encoder's names, made to fit where that keeps their meaning.

    Image weights become video weights: the patch kernel is repeated over time and divided by its length, so that a
    still video gives what the image gave (I3D, Carreira and Zisserman 2017), and times get no position. Temporal
    positions of another number are interpolated. Pooling strides and windows have no weights: they may differ.

    Args:
        state: of facebookresearch/hiera (MAE pretraining too) or timm's Hiera, 2-D or 3-D.
        ours: the encoder's own state dict, for the shapes.

    Returns:
        The weights, the entries left out, and what was changed.
    """
    named = {name: _hiera_name(name) for name in state}
    weights = {new: state[old] for old, new in named.items() if new}
    changed: dict[str, str] = {}
    if KERNEL in weights:
        weights[KERNEL], how = _kernel_to_fit(weights[KERNEL], ours[KERNEL])
        changed |= {KERNEL: how} if how else {}
    if TIMES not in weights:
        weights[TIMES] = torch.zeros_like(ours[TIMES])
        changed[TIMES] = "zeros, since images have no time"
    elif weights[TIMES].shape[1] != ours[TIMES].shape[1]:
        changed[TIMES] = f"{weights[TIMES].shape[1]} positions, interpolated to {ours[TIMES].shape[1]}"
        weights[TIMES] = interpolate_positions(weights[TIMES], ours[TIMES].shape[1])
    return weights, [old for old, new in named.items() if not new], changed


def _kernel_to_fit(kernel: Tensor, ours: Tensor) -> tuple[Tensor, str]:
    """A patch kernel with our length in time and our channels, and what was done to it."""
    done = []
    if kernel.dim() == 4:
        kernel = inflate(kernel, ours.shape[2])
        done.append(f"an image's, spread over {ours.shape[2]} frames")
    if more := max(0, ours.shape[1] - kernel.shape[1]):
        kernel = functional.pad(kernel, (0, 0, 0, 0, 0, 0, 0, more))
        done.append(f"zeros for {more} more channel")
    return kernel, "; ".join(done)


def _hiera_name(name: str) -> str | None:
    """Our name of one of Hiera's parameters; None for heads and for the decoder of its pretraining."""
    for theirs in ("encoder_norm.", "head.norm.", "norm."):  # MAE, timm, facebookresearch
        if name.startswith(theirs):
            return f"norm.{name.removeprefix(theirs)}"
    if name in ("pos_embed", "pos_embed_abs"):
        return "pos_embed_spatial"
    ours = ("blocks.", "patch_embed.", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_win")
    return name if name.startswith(ours) else None


def inflate(kernel: Tensor, length: int) -> Tensor:
    """An image kernel for video, [D, C, h, w] -> [D, C, length, h, w]; over time it sums to the image's."""
    return kernel.unsqueeze(2).repeat(1, 1, length, 1, 1) / length


def interpolate_positions(positions: Tensor, steps: int) -> Tensor:
    """Positions for another number of time steps, linearly: [1, T, D] -> [1, steps, D]."""
    return functional.interpolate(positions.transpose(1, 2), steps, mode="linear").transpose(1, 2)


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
"""Text and melody conditioners, the codec, and positions that are computed."""


def musicgen_weights(state: Mapping[str, Tensor], projection: Mapping[str, Tensor]) -> tuple[State, list[str]]:
    """MusicGen's weights under the music decoder's names.

    Args:
        state: of audiocraft's LMModel, or of transformers' MusicgenForCausalLM or ForConditionalGeneration.
        projection: weight and bias of our projection of the context; the projection of text features takes their place
            where it has their shapes, and is left out otherwise.

    Returns:
        The weights, and the entries left out.

    Raises:
        ValueError: it is neither.
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
