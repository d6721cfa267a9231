"""One step of generation after another, as fast as the weights can be read.

A `StepDecoder` computes what `MusicDecoder.run` computes for a single step, from the same parameters. A step does
little arithmetic on many weights, so what counts is how they are read and how often the machine is asked: sums ride on
the products before them, the codebooks' tables are looked up at once, and keys and values go into memory laid out
beforehand. In float32 on a CPU the whole layer is one compiled call (`cpu_decoding`).
"""

# R rows (clips, twice as many under guidance), K codebooks, S steps, C context steps, D width, h heads, d = D / h

from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.model.positions import sinusoidal_positions

if TYPE_CHECKING:
    from vmas_pipeline.model.music_decoder import DecoderLayer, MusicDecoder, PreparedContext


class KeyValueCache:
    """Keys and values of a layer's steps so far, in memory laid out once."""

    def __init__(self, rows: int, heads: int, steps: int, width: int, like: Tensor):
        self.memory = torch.zeros(2, rows, heads, steps, width // heads, device=like.device, dtype=like.dtype)

    def begin(self, keys: Tensor, values: Tensor) -> None:
        """Keep those of the first n steps, [R, h, n, d] each."""
        for memory, given in zip(self.memory, (keys, values), strict=True):
            memory[:, :, : given.shape[2]] = given

    def add(self, step: int, keys_values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep those of one step, [R, 2, h, d]; returns keys and values of all so far, [R, h, step + 1, d] each."""
        self.memory[:, :, :, step] = keys_values.transpose(0, 1)
        keys, values = self.memory[:, :, :, : step + 1].unbind()
        return keys, values


def step_decoder(decoder: "MusicDecoder", context: "PreparedContext", steps: int) -> "StepDecoder":
    """The step decoder for where the weights lie and how.

    Args:
        decoder: in evaluation mode.
        context: what `MusicDecoder.prepare` made of R contexts, for S steps at least.
        steps: steps of the delay pattern at most, S.
    """
    weight = decoder.norm.weight
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and find_spec("numba"):
        from vmas_pipeline.model.cpu_decoding import CompiledStepDecoder

        return CompiledStepDecoder(decoder, context, steps)
    return TensorStepDecoder(decoder, context, steps)


class StepDecoder(ABC):
    """A music decoder under a context, from its first step on; see `step_decoder` for the arguments."""

    def __init__(self, decoder: "MusicDecoder", context: "PreparedContext", steps: int):
        self.decoder, self.context, self.steps, self.done = decoder, context, steps, 0
        self.rows, self.heads = len(context.keys_values[0][0]), decoder.stack[0].self_attention.heads
        weight = decoder.norm.weight
        self.table = torch.cat(
            [cast(Tensor, embedding.weight) for embedding in decoder.embeddings]
        )  # [K * (card + 1), D]
        self.firsts = torch.arange(decoder.codebooks, device=weight.device) * (decoder.card + 1)
        positions = sinusoidal_positions(torch.arange(steps, device=weight.device), decoder.width).to(weight.dtype)
        self.inputs = positions[:, None]  # [S, 1, D]
        if context.aligned is not None:
            self.inputs = self.inputs + context.aligned[:, :steps].transpose(0, 1)  # [S, R, D]

    @abstractmethod
    def begin(self, codes: Tensor) -> Tensor:
        """Read the first n steps' codes at once, int64 [R, K, n] -> logits of the step after them [R, K, card]."""

    def step(self, codes: Tensor) -> Tensor:
        """Read the codes of the step before, int64 [R, K] -> logits of this one [R, K, card]."""
        x = functional.embedding_bag(codes + self.firsts, self.table, mode="sum") + self.inputs[self.done]  # [R, D]
        logits = self._transform(x)
        self.done += 1
        return logits

    @abstractmethod
    def _transform(self, x: Tensor) -> Tensor:
        """All layers and heads on one step: [R, D] -> [R, K, card]."""


class TensorStepDecoder(StepDecoder):
    """Steps by torch's own operations, on any device and in any precision."""

    def __init__(self, decoder: "MusicDecoder", context: "PreparedContext", steps: int):
        super().__init__(decoder, context, steps)
        self.caches = [
            KeyValueCache(self.rows, self.heads, steps, decoder.width, decoder.norm.weight) for _ in decoder.stack
        ]
        self.output = torch.cat([cast(Tensor, output.weight).t() for output in decoder.outputs], dim=1)  # [D, K * card]

    def begin(self, codes: Tensor) -> Tensor:
        self.done = codes.shape[2]
        return self.decoder.run(codes, self.context, self.caches)[:, :, -1]

    def _transform(self, x: Tensor) -> Tensor:
        for layer, cache, keys_values, bias in zip(
            self.decoder.stack, self.caches, self.context.keys_values, self.context.biases, strict=True
        ):
            x = self._layer(x, layer, cache, keys_values, None if bias is None else bias[:, self.done : self.done + 1])
        logits = torch.mm(layer_norm(x, self.decoder.norm), self.output)
        return logits.view(len(x), self.decoder.codebooks, self.decoder.card)

    def _layer(
        self,
        x: Tensor,
        layer: "DecoderLayer",
        cache: KeyValueCache,
        keys_values: tuple[Tensor, Tensor],
        bias: Tensor | None,
    ) -> Tensor:
        """`DecoderLayer.forward` on one step, [R, D] -> [R, D]."""
        own, cross = layer.self_attention, layer.cross_attention
        qkv = torch.mm(layer_norm(x, layer.norm1), own.qkv.weight.t()).view(len(x), 3, self.heads, -1)
        y = attend(qkv[:, 0], *cache.add(self.done, qkv[:, 1:]))
        x = torch.addmm(x, y, own.out.weight.t())
        q = torch.mm(layer_norm(x, layer.norm_cross), cross.q.weight.t()).view(len(x), self.heads, -1)
        x = torch.addmm(x, attend(q, *keys_values, bias), cross.out.weight.t())
        y = functional.gelu(torch.mm(layer_norm(x, layer.norm2), layer.linear1.weight.t()))
        return torch.addmm(x, y, layer.linear2.weight.t())


def attend(q: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """One query a head, [R, h, d], on keys and values [R, h, n, d] -> [R, D]."""
    return functional.scaled_dot_product_attention(q.unsqueeze(2), keys, values, attn_mask=bias).flatten(1)


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
