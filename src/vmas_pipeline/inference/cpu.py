"""The step decoder for a CPU: each layer is one compiled call, on float32 or int8 weights."""

# R rows, h heads, d = D / h, S steps, C context steps, D width, N outputs of a matrix, K its inputs

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from vmas_pipeline.inference.kernels import decoder_head, decoder_layer
from vmas_pipeline.inference.step_decoder import KeyValueCache, StepDecoder
from vmas_pipeline.model.decoder_layer import DecoderLayer
from vmas_pipeline.model.music_decoder import MusicDecoder, PreparedContext

ROWS_A_THREAD = 4
"""Minimum rows per thread: each thread reads all weights."""


@dataclass
class PackedLayer:
    """A layer's parameters in the kernels' format."""

    norms: np.ndarray  # float32 [6, D]
    weights: tuple[np.ndarray, ...]  # six matrices, float32 or int8 [N, K]
    scales: tuple[np.ndarray, ...]  # of each, float32 [N]


@dataclass
class PackedDecoder:
    """A music decoder's layers and heads in the kernels' format."""

    layers: list[PackedLayer]
    norm: np.ndarray  # of the last, float32 [2, D]
    heads: list[tuple[np.ndarray, np.ndarray]]  # weight [card, D] and scales [card] for each codebook


def pack(decoder: MusicDecoder, int8: bool) -> PackedDecoder:
    """Weights for the kernels: float32 weights share the parameters' memory; int8 weights are rounded copies with one
    scale per matrix row, and must be repacked when the parameters change."""
    return PackedDecoder(
        layers=[_pack_layer(layer, int8) for layer in decoder.stack],
        norm=_pack_norms(decoder.norm),
        heads=[_pack_matrix(cast(nn.Linear, output), int8) for output in decoder.outputs],
    )


def _pack_layer(layer: DecoderLayer, int8: bool) -> PackedLayer:
    own, cross = layer.self_attention, layer.cross_attention
    matrices = (own.qkv, own.out, cross.q, cross.out, layer.linear1, layer.linear2)
    weights, scales = zip(*(_pack_matrix(matrix, int8) for matrix in matrices), strict=True)
    return PackedLayer(_pack_norms(layer.norm1, layer.norm_cross, layer.norm2), weights, scales)


def _pack_norms(*norms: nn.LayerNorm) -> np.ndarray:
    return torch.stack([part for norm in norms for part in (norm.weight, norm.bias)]).detach().numpy()


def _pack_matrix(linear: nn.Linear, int8: bool) -> tuple[np.ndarray, np.ndarray]:
    weight = linear.weight.detach()
    if not int8:
        return weight.contiguous().numpy(), np.ones(len(weight), np.float32)
    scales = weight.abs().amax(1).clamp(min=1e-12) / 127  # [N]
    return (weight / scales[:, None]).round().to(torch.int8).numpy(), scales.numpy()


class CompiledStepDecoder(StepDecoder):
    """Steps computed by `kernels`; a batch's rows are split over torch's number of threads."""

    def __init__(self, decoder: MusicDecoder, context: PreparedContext, steps: int, int8: PackedDecoder | None = None):
        super().__init__(decoder, context, steps)
        self.packed = int8 or pack(decoder, int8=False)
        shape = (self.rows, self.heads, steps, decoder.width // self.heads)
        self.caches = [(np.zeros(shape, np.float32), np.zeros(shape, np.float32)) for _ in decoder.stack]
        self.contexts = [(k.contiguous().numpy(), v.contiguous().numpy()) for k, v in context.keys_values]
        unbiased = np.zeros((steps, self.heads, self.contexts[0][0].shape[2]), np.float32)
        self.biases = [
            unbiased if table is None else table.transpose(0, 1).contiguous().numpy() for table in context.biases
        ]  # for each layer [S, h, C]
        count = max(1, min(torch.get_num_threads(), self.rows // ROWS_A_THREAD))
        bounds = np.linspace(0, self.rows, count + 1).round().astype(int).tolist()
        self.parts = [slice(*pair) for pair in pairwise(bounds)]
        self.pool = ThreadPoolExecutor(count) if count > 1 else None

    def begin(self, codes: Tensor) -> Tensor:
        if codes.shape[2] == 1:
            return self.step(codes[:, :, 0])
        self.done = codes.shape[2]
        weight = self.decoder.norm.weight
        begun = [KeyValueCache(self.rows, self.heads, self.done, self.decoder.width, weight) for _ in self.caches]
        logits = self.decoder.run(codes, self.context, begun)[:, :, -1]
        for cache, given in zip(self.caches, begun, strict=True):
            for memory, part in zip(cache, given.memory, strict=True):
                memory[:, :, : self.done] = part
        return logits

    def _transform(self, x: Tensor) -> Tensor:
        array = x.numpy()
        logits = np.empty((self.decoder.codebooks, self.rows, self.decoder.card), np.float32)
        if self.pool is None:
            self._transform_rows(self.parts[0], array, logits)
        else:
            list(self.pool.map(lambda part: self._transform_rows(part, array, logits), self.parts))
        return torch.from_numpy(logits).transpose(0, 1)

    def _transform_rows(self, rows: slice, x: np.ndarray, logits: np.ndarray) -> None:
        """One step for some rows of x [R, D], which are overwritten, into logits [codebooks, R, card]."""
        for layer, cache, context, bias in zip(
            self.packed.layers, self.caches, self.contexts, self.biases, strict=True
        ):
            memory = (part[rows] for part in (*cache, *context))
            decoder_layer(x[rows], layer.norms, layer.weights, layer.scales, *memory, bias[self.done], self.done)
        for out, (weight, scales) in zip(logits, self.packed.heads, strict=True):
            out[rows] = decoder_head(x[rows], self.packed.norm, weight, scales)
