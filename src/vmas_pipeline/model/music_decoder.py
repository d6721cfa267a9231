"""The music decoder: MusicGen's transformer with cross-attention to video features (section 4.3, eq. 1).

One step reads the codes of the step before and predicts one code of each codebook under the delay pattern
(`pattern.delay`). Training runs all steps at once (`MusicDecoder.run`), generation one at a time (`inference`, which is
tested to be equal to it).
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
    """What the steps need of the video, computed once for all of them."""

    keys_values: list[tuple[Tensor, Tensor]]  # for each layer, keys and values [B, h, C, D / h]
    biases: list[Tensor | None]  # for each layer [h, S, C]
    aligned: Tensor | None  # [B, S, D]

    def bias(self, layer: int, steps: int) -> Tensor | None:
        """Of the first steps."""
        table = self.biases[layer]
        return None if table is None else table[:, :steps]


class MusicDecoder(nn.Module):
    """Autoregressive transformer over audio codes, conditioned on video features.

    Args:
        width, layers, heads: size of the transformer.
        codebooks, card: codebooks of the audio codec, and entries of each.
        context_width: channels of the video features; None when they have the decoder's width already.
        ffn_multiplier: hidden width of the MLP over `width`.
        steps_per_context: decoder steps that one context step lasts (tokens a second over context steps a second);
            read by the three options alone.
        context_offset: where a context step's time lies in it, as a share of its length: 0.5 for the middle.
        context_positions, context_time_bias, time_aligned_path: options that the paper has not (MusicDecoderConfig).
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
        self.activation_checkpointing = False  # True: layers keep their inputs alone for the backward pass
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
        """The code that stands where the delay pattern has none, and before the first step."""
        return self.card

    def forward(self, codes: Tensor, context: Context | Tensor) -> Tensor:
        """Predict every code from the ones before it (teacher forcing).

        Args:
            codes: int64 [B, K, T] in [0, card).
            context: features [B, C, context_width or width] with their mask; features alone are all given. Without the
                three options of time, the order of the steps says nothing: other conditions of the same width, such as
                MusicGen's T5 text features, may follow the video's as further steps.

        Returns:
            Logits [B, K, T, card], aligned with `codes`: the delay pattern is applied and undone inside.

        Raises:
            ValueError: codes of another shape or range.
        """
        self.check_codes(codes)
        inputs = functional.pad(delay(codes, self.special), (1, -1), value=self.special)  # [B, K, S]
        x = self.transform(inputs, self.prepare(context, inputs.shape[2]))
        frames = codes.shape[2]
        return torch.stack([output(x[:, k : k + frames]) for k, output in enumerate(self.outputs)], dim=1)

    def prepare(self, context: Context | Tensor, steps: int) -> PreparedContext:
        """Project the context (as in `forward`), once for every step; what is not given becomes zeros."""
        context = Context.of(context)
        given = context.given[..., None]  # [B, C, 1]
        features = self.context_proj(context.features) * given  # the projection's bias must not speak where nothing is
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
            inputs: int64 [B, K, n], the codes of the steps before, in the delay pattern.
            context: from `prepare`.
            caches: one for each layer, empty; they keep the keys and values of these steps.

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
        """Sample codes for a context: `inference.generate`, looked up by name since the network knows nothing above it.

        Args:
            context: as in `forward`.
            frames: token frames in all.
            seed: row i draws from seed + i.
            options: prompt and progress as there, and top_k, temperature and guidance (1 when left out).

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
        """Take over MusicGen's weights, all of them or none.

        Its cross-attention has learnt to read text features; it is the best start that there is for reading video. The
        time-aligned options, which MusicGen has not, stay as they were.

        Args:
            state: of audiocraft's LMModel or transformers' MusicGen (`weights.musicgen_weights`).
            reuse_text_projection: the projection of the text features (T5 base, 768 wide like the paper's video
                features) becomes that of the context; otherwise it is dropped, as it is where the widths differ.

        Returns:
            What was taken, kept and dropped.

        Raises:
            ValueError: not MusicGen's, or of another size; the message names entries and shapes.
        """
        projection = self.context_proj.state_dict() if reuse_text_projection else {}
        weights, dropped = musicgen_weights(state, projection)
        options = ("context_proj.", "aligned_proj.")
        may_stay = {name for name in self.state_dict() if name.startswith(options) or name.endswith("time_bias.knots")}
        return load(self, weights, dropped, {}, may_stay)

    def check_codes(self, codes: Tensor) -> None:
        """Raise ValueError unless codes are [B, K, T] within the codebooks.

        Their range only where they lie in memory that can be looked at without waiting, and while nothing is being
        compiled: a GPU has its own assertion.
        """
        if codes.dim() != 3 or codes.shape[1] != self.codebooks:
            raise ValueError(f"codes {list(codes.shape)} must have the shape [batch, {self.codebooks}, frames]")
        if codes.device.type != "cpu" or not codes.numel() or torch.compiler.is_compiling():
            return
        if int(codes.min()) < 0 or int(codes.max()) >= self.card:
            raise ValueError(f"codes reach from {codes.min()} to {codes.max()}: they must lie in 0 .. {self.card - 1}")

    def _initialise(self) -> None:
        """Truncated normal of deviation 1 / sqrt(fan in); residual branches shrink with depth (audiocraft's)."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                fan_in = module.weight.shape[1]
                nn.init.trunc_normal_(module.weight, std=fan_in**-0.5, a=-3 * fan_in**-0.5, b=3 * fan_in**-0.5)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)
        for depth, layer in enumerate(self.stack, start=1):
            for out in (layer.self_attention.out, layer.cross_attention.out, layer.linear2):
                out.weight.data /= math.sqrt(2 * depth)
