"""What several benchmarks compare with; imported where it is needed, since not every machine has it."""

from typing import TYPE_CHECKING, Any

from audiocraft.models.lm import LMModel
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from audiocraft.modules.transformer import set_efficient_attention_backend

if TYPE_CHECKING:
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider

CODEBOOKS = 4


def audiocraft_lm(sizes: Any, conditions: "ConditioningProvider", fuser: "ConditionFuser") -> LMModel:
    """MusicGen's language model with random weights.

    Args:
        sizes: card, width, heads and layers, as attributes.
        conditions, fuser: what it is conditioned on.
    """
    set_efficient_attention_backend("torch")
    return LMModel(
        DelayedPatternProvider(n_q=CODEBOOKS), conditions, fuser, n_q=CODEBOOKS, card=sizes.card, dim=sizes.width,
        num_heads=sizes.heads, num_layers=sizes.layers, norm_first=True, causal=True, cross_attention=True,
        bias_proj=False, bias_ff=False, bias_attn=False, activation="gelu", dropout=0.0, memory_efficient=True,
    )  # fmt: skip
