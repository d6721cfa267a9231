"""The music decoder: MusicGen's transformer with cross-attention to video features (section 4.3, eq. 1).

One step reads the codes of the previous step and predicts one code per codebook under the delay pattern
(`pattern.delay`). Training runs all steps at once (`MusicDecoder.run`), generation one at a time (`inference`; tests
check that the two agree).
"""

# B batch, K codebooks, T frames, S steps = T + K - 1, C context steps, D width, h heads

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vmas_pipeline.model.conditions import Context
from vmas_pipeline.model.config import MusicDecoderConfig
from vmas_pipeline.model.decoder_layer import DecoderLayer, KeyValues
from vmas_pipeline.model.musicgen import musicgen_weights
from vmas_pipeline.model.pattern import delay
from vmas_pipeline.model.positions import interpolate, sinusoidal_positions
from vmas_pipeline.model.weights import Loaded, load


@dataclass
class PreparedContext:
    """The video inputs of all steps, computed once."""

    keys_values: list[tuple[Tensor, Tensor]]  # for each layer, keys and values [B, h, C, D / h]
    biases: list[Tensor | None]  # for each layer [h, S, C]
    aligned: Tensor | None  # [B, S, D]

    def bias(self, layer: int, steps: int) -> Tensor | None:
        """A layer's bias for the first steps."""
        table = self.biases[layer]
        return None if table is None else table[:, :steps]


class MusicDecoder(nn.Module):
    """Autoregressive transformer over audio codes, conditioned on video features.

    Args:
        width, layers, heads: size of the transformer.
        codebooks, card: codebooks of the audio codec, and entries of each.
        context_width: channels of the video features; None if they already have the decoder's width.
        ffn_multiplier: hidden width of the MLP over `width`.
        steps_per_context: decoder steps per context step (tokens a second over context steps a second); used only by
            the three options.
        context_offset: the time of a context step, as a fraction of its length: 0.5 for the middle.
        context_positions, context_time_bias, time_aligned_path: options not in the paper (MusicDecoderConfig).
    """

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        heads: int,
        codebooks: int = 4,
        card: int = 2048,
        context_width: int | None = None,
        ffn_multiplier: int = 4,
        steps_per_context: float = 1.0,
        context_offset: float = 0.5,
        context_positions: bool = False,
        context_time_bias: bool = False,
        time_aligned_path: bool = False,
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"width ({width}) must be a multiple of heads ({heads})")
        self.width, self.codebooks, self.card = width, codebooks, card
        self.steps_per_context, self.context_offset = steps_per_context, context_offset
        self.context_positions = context_positions
        self.context_proj = nn.Linear(context_width, width) if context_width else nn.Identity()
        self.embeddings = nn.ModuleList(nn.Embedding(card + 1, width) for _ in range(codebooks))
        self.layers = nn.ModuleList(
            DecoderLayer(width, heads, ffn_multiplier, context_time_bias) for _ in range(layers)
        )
        self.aligned_proj = nn.Linear(width, width, bias=False) if time_aligned_path else None
        self.norm = nn.LayerNorm(width)
        self.outputs = nn.ModuleList(nn.Linear(width, card, bias=False) for _ in range(codebooks))
        self.activation_checkpointing = False  # True: layers keep only their inputs for the backward pass
        self._initialise()

    @classmethod
    def from_config(
        cls, config: MusicDecoderConfig, context_width: int, steps_per_context: float, context_offset: float = 0.5
    ) -> "MusicDecoder":
        return cls(
            width=config.width,
            layers=config.layers,
            heads=config.heads,
            codebooks=config.codebooks,
            card=config.card,
            context_width=context_width,
            ffn_multiplier=config.ffn_multiplier,
            steps_per_context=steps_per_context,
            context_offset=context_offset,
            context_positions=config.context_positions,
            context_time_bias=config.context_time_bias,
            time_aligned_path=config.time_aligned_path,
        )

    @property
    def stack(self) -> list[DecoderLayer]:
        """The layers, typed."""
        return cast(list[DecoderLayer], list(self.layers))

    @property
    def special(self) -> int:
        """The code used where the delay pattern has none, and before the first step."""
        return self.card

    def forward(self, codes: Tensor, context: Context | Tensor) -> Tensor:
        """Predict every code from the ones before it (teacher forcing).

        Args:
            codes: int64 [B, K, T] in [0, card).
            context: features [B, C, context_width or width] with their mask; a bare tensor counts as all given.
                Without the three timing options, the order of the steps is irrelevant: other conditions of the same
                width, such as MusicGen's T5 text features, may be appended to the video's as further steps.

        Returns:
            Logits [B, K, T, card], aligned with `codes`: the delay pattern is applied and undone inside.

        Raises:
            ValueError: codes with the wrong shape or range.
        """
        self.check_codes(codes)
        inputs = functional.pad(delay(codes, self.special), (1, -1), value=self.special)  # [B, K, S]
        x = self.transform(inputs, self.prepare(context, inputs.shape[2]))
        frames = codes.shape[2]
        return torch.stack([output(x[:, k : k + frames]) for k, output in enumerate(self.outputs)], dim=1)

    def prepare(self, context: Context | Tensor, steps: int) -> PreparedContext:
        """Project the context (as in `forward`), once for all steps; steps not given become zeros."""
        context = Context.of(context)
        given = context.given[..., None]  # [B, C, 1]
        features = self.context_proj(context.features) * given  # mask out the projection's bias too
        steps_of_context = torch.arange(features.shape[1], device=features.device) + self.context_offset
        centres = steps_of_context * self.steps_per_context - 0.5
        if self.context_positions:
            features = features + sinusoidal_positions(centres, self.width).to(features.dtype) * given
        at = torch.arange(steps, device=features.device, dtype=centres.dtype)
        distances = (at[:, None] - centres) / self.steps_per_context  # [S, C], in context steps
        aligned = None
        if self.aligned_proj is not None:
            aligned = self.aligned_proj(interpolate(features, at, self.steps_per_context, self.context_offset))
        attentions = [layer.cross_attention for layer in self.stack]
        return PreparedContext(
            keys_values=[attention.keys_values(features) for attention in attentions],
            biases=[attention.time_bias(distances) if attention.time_bias else None for attention in attentions],
            aligned=aligned,
        )

    def run(self, inputs: Tensor, context: PreparedContext, caches: Sequence[KeyValues] | None = None) -> Tensor:
        """`transform`, then the heads: logits [B, K, n, card] in the delay pattern."""
        x = self.transform(inputs, context, caches)
        return torch.stack([output(x) for output in self.outputs], dim=1)

    def transform(self, inputs: Tensor, context: PreparedContext, caches: Sequence[KeyValues] | None = None) -> Tensor:
        """The transformer over the first n steps.

        Args:
            inputs: int64 [B, K, n], the codes of the previous steps, in the delay pattern.
            context: from `prepare`.
            caches: one per layer, empty; they store the keys and values of these steps.

        Returns:
            [B, n, D], after the last norm.
        """
        steps = inputs.shape[2]
        x = sum(embedding(inputs[:, k]) for k, embedding in enumerate(self.embeddings))  # [B, n, D]
        x = x + sinusoidal_positions(torch.arange(steps, device=inputs.device), self.width).to(x.dtype)
        if context.aligned is not None:
            x = x + context.aligned[:, :steps]
        for index, layer in enumerate(self.stack):
            given = (x, context.keys_values[index], context.bias(index, steps), caches[index] if caches else None)
            keep = not (self.activation_checkpointing and torch.is_grad_enabled())
            x = layer(*given) if keep else checkpoint(layer, *given, use_reentrant=False)
        return self.norm(x)

    def generate(self, context: Context | Tensor, *, frames: int, seed: int = 0, **options: Any) -> Tensor:
        """Sample codes for a context by `inference.generate`, imported by name because `model` must not depend on it.

        Args:
            context: as in `forward`.
            frames: total number of token frames.
            seed: row i uses seed + i.
            options: prompt and progress as there, and top_k, top_p, temperature and guidance (default 1).

        Returns:
            int64 [B, K, frames].
        """
        above = import_module("vmas_pipeline.inference")
        context, taken = Context.of(context), {"prompt", "progress", "int8"}
        sampling = {name: value for name, value in options.items() if name not in taken}
        return above.generate(
            self,
            context,
            frames=frames,
            sampling=above.SamplingConfig(**{"guidance": 1.0, **sampling}),
            seeds=range(seed, seed + len(context.given)),
            **{name: value for name, value in options.items() if name in taken},
        )

    def load_musicgen(self, state: Mapping[str, Tensor], reuse_text_projection: bool = True) -> Loaded:
        """Load MusicGen's weights, all of them or none.

        Its cross-attention was trained on text features; it is the best available initialisation for video. The
        time-aligned options, which MusicGen lacks, are unchanged.

        Args:
            state: of audiocraft's LMModel or transformers' MusicGen (`weights.musicgen_weights`).
            reuse_text_projection: the text projection (T5 base, 768 wide like the paper's video features) becomes the
                context projection; otherwise, or if the widths differ, it is dropped.

        Returns:
            What was taken, kept and dropped.

        Raises:
            ValueError: not MusicGen's weights, or of another size; the message names entries and shapes.
        """
        projection = self.context_proj.state_dict() if reuse_text_projection else {}
        weights, dropped = musicgen_weights(state, projection)
        options = ("context_proj.", "aligned_proj.")
        may_stay = {name for name in self.state_dict() if name.startswith(options) or name.endswith("time_bias.knots")}
        return load(self, weights, dropped, {}, may_stay)

    def check_codes(self, codes: Tensor) -> None:
        """Raise ValueError unless codes are [B, K, T] within the codebooks.

        The range is checked only on the CPU, where it needs no device sync, and not during compilation: a GPU has its
        own assertion.
        """
        if codes.dim() != 3 or codes.shape[1] != self.codebooks:
            raise ValueError(f"codes {list(codes.shape)} must have the shape [batch, {self.codebooks}, frames]")
        if codes.device.type != "cpu" or not codes.numel() or torch.compiler.is_compiling():
            return
        if int(codes.min()) < 0 or int(codes.max()) >= self.card:
            raise ValueError(f"codes reach from {codes.min()} to {codes.max()}: they must lie in 0 .. {self.card - 1}")

    def _initialise(self) -> None:
        """Truncated normal, standard deviation 1 / sqrt(fan in); residual branches shrink with depth (audiocraft)."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                fan_in = module.weight.shape[1]
                nn.init.trunc_normal_(module.weight, std=fan_in**-0.5, a=-3 * fan_in**-0.5, b=3 * fan_in**-0.5)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)
        for depth, layer in enumerate(self.stack, start=1):
            for out in (layer.self_attention.out, layer.cross_attention.out, layer.linear2):
                out.weight.data /= math.sqrt(2 * depth)
