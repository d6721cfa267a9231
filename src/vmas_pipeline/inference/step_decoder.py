"""Step-by-step generation, as fast as the weights can be read.

A `StepDecoder` computes the same as `MusicDecoder.run` for a single step, from the same parameters. A step does little
arithmetic on many weights, so memory access and call overhead dominate: additions are fused into the preceding
products, all codebooks' tables are looked up at once, and keys and values go into preallocated memory. In float32 on a
CPU the whole layer is one compiled call (`cpu`).
"""

# R rows (clips, twice as many under guidance), K codebooks, S steps, C context steps, D width, h heads, d = D / h

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.model.decoder_layer import DecoderLayer
from vmas_pipeline.model.music_decoder import MusicDecoder, PreparedContext
from vmas_pipeline.model.positions import sinusoidal_positions


class KeyValueCache:
    """Keys and values of a layer's steps so far, in preallocated memory; zeros for future steps."""

    def __init__(self, rows: int, heads: int, steps: int, width: int, like: Tensor):
        self.memory = torch.zeros(2, rows, heads, steps, width // heads, device=like.device, dtype=like.dtype)

    def begin(self, keys: Tensor, values: Tensor) -> None:
        """Store those of the first n steps, [R, h, n, d] each."""
        for memory, given in zip(self.memory, (keys, values), strict=True):
            memory[:, :, : given.shape[2]] = given

    def add(self, step: Tensor, keys_values: Tensor) -> tuple[Tensor, Tensor]:
        """Store those of one step, int64 [1], [R, 2, h, d]; returns keys and values of all steps, [R, h, S, d] each."""
        self.memory.index_copy_(3, step, keys_values.transpose(0, 1).unsqueeze(3))
        keys, values = self.memory.unbind()
        return keys, values


class StepDecoder(ABC):
    """A music decoder under a context, starting at its first step; see `generation.step_decoder` for the arguments."""

    def __init__(self, decoder: MusicDecoder, context: PreparedContext, steps: int):
        self.decoder, self.context, self.done = decoder, context, 0
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
        """Read the first n steps' codes at once, int64 [R, K, n] -> logits of the following step [R, K, card]."""

    def step(self, codes: Tensor) -> Tensor:
        """Read the codes of the previous step, int64 [R, K] -> logits of this one [R, K, card]."""
        x = functional.embedding_bag(codes + self.firsts, self.table, mode="sum") + self.inputs[self.done]  # [R, D]
        logits = self._transform(x)
        self.done += 1
        return logits

    @abstractmethod
    def _transform(self, x: Tensor) -> Tensor:
        """All layers and heads on one step: [R, D] -> [R, K, card]."""


class TensorStepDecoder(StepDecoder):
    """Steps computed by torch operations, on any device and in any precision.

    No shape changes between steps: attention runs over all steps with future ones masked, and the step's number is a
    tensor. A GPU can therefore record one step as a graph and replay it, without a Python call for each operation.
    """

    def __init__(self, decoder: MusicDecoder, context: PreparedContext, steps: int):
        super().__init__(decoder, context, steps)
        weight, room = decoder.norm.weight, -(-steps // 8) * 8  # attention kernels need mask sizes divisible by 8
        self.caches = [KeyValueCache(self.rows, self.heads, room, decoder.width, weight) for _ in decoder.stack]
        self.output = torch.cat([cast(Tensor, output.weight).t() for output in decoder.outputs], dim=1)  # [D, K * card]
        self.step_number = torch.zeros(1, dtype=torch.int64, device=weight.device)
        self.all_steps = torch.arange(room, device=weight.device)
        self.graph: RecordedStep | None = None

    def begin(self, codes: Tensor) -> Tensor:
        self.done = codes.shape[2]
        return self.decoder.run(codes, self.context, self.caches)[:, :, -1]

    def _transform(self, x: Tensor) -> Tensor:
        self.step_number.fill_(self.done)
        if x.device.type != "cuda":
            return self._compute(x)
        self.graph = self.graph or RecordedStep(self._compute, x)
        return self.graph.replay(x)

    def _compute(self, x: Tensor) -> Tensor:
        """[R, D] -> [R, K, card], at `step_number`."""
        to_come = torch.zeros_like(self.all_steps, dtype=x.dtype)
        to_come = to_come.masked_fill(self.all_steps > self.step_number, -torch.inf)[None]  # [1, S]
        for layer, cache, keys_values, table in zip(
            self.decoder.stack, self.caches, self.context.keys_values, self.context.biases, strict=True
        ):
            bias = None if table is None else table.index_select(1, self.step_number)  # [h, 1, C]
            x = self._layer(x, layer, cache, to_come, keys_values, bias)
        logits = torch.mm(layer_norm(x, self.decoder.norm), self.output)
        return logits.view(len(x), self.decoder.codebooks, self.decoder.card)

    def _layer(
        self,
        x: Tensor,
        layer: DecoderLayer,
        cache: KeyValueCache,
        to_come: Tensor,
        keys_values: tuple[Tensor, Tensor],
        bias: Tensor | None,
    ) -> Tensor:
        """`DecoderLayer.forward` on one step, [R, D] -> [R, D]."""
        own, cross = layer.self_attention, layer.cross_attention
        qkv = torch.mm(layer_norm(x, layer.norm1), own.qkv.weight.t()).view(len(x), 3, self.heads, -1)
        y = attend(qkv[:, 0], *cache.add(self.step_number, qkv[:, 1:]), to_come)
        x = torch.addmm(x, y, own.out.weight.t())
        q = torch.mm(layer_norm(x, layer.norm_cross), cross.q.weight.t()).view(len(x), self.heads, -1)
        x = torch.addmm(x, attend(q, *keys_values, bias), cross.out.weight.t())
        y = functional.gelu(torch.mm(layer_norm(x, layer.norm2), layer.linear1.weight.t()))
        return torch.addmm(x, y, layer.linear2.weight.t())


class RecordedStep:
    """A computation on a GPU as a CUDA graph: recorded once, then replayed on new inputs of the same shape."""

    def __init__(self, compute: Callable[[Tensor], Tensor], like: Tensor):
        self.input = like.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            compute(self.input)  # lets libraries initialise before the recording
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = compute(self.input)

    def replay(self, x: Tensor) -> Tensor:
        """The result for x; the next replay overwrites it."""
        self.input.copy_(x)
        self.graph.replay()
        return self.output


def attend(q: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """One query per head, [R, h, d], on keys and values [R, h, n, d] -> [R, D]."""
    return functional.scaled_dot_product_attention(q.unsqueeze(2), keys, values, attn_mask=bias).flatten(1)


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
