"""The decoder's step on a CPU, compiled by numba: one pass over the weights, no overhead within a layer.

Rows share loaded weights but are never summed together: each is computed by the same loop in the same order, so a
clip's values do not depend on its batch. A weight is float32, or int8 with a scale for each of its rows; scales of one
leave float32 unchanged.
"""

# R rows, K inputs, N outputs, D width, h heads, d = D / h, S steps, C context steps

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import float32, int8, intp, njit, types, void

from vmas_pipeline.numba_cache import cache_lock

FAST = {"reassoc", "contract", "arcp", "nsz"}
"""Allow sums in any order, for vectorisation; NaN and infinity keep their meaning."""
EPSILON = np.float32(1e-5)
"""Of torch's LayerNorm."""


@njit(fastmath=FAST, nogil=True)
def product(x: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """[R, K] times the transpose of a weight [N, K], each output times its scale [N] -> [R, N].

    Works in tiles of two rows and four outputs: each load serves eight sums. If rows or outputs end within a tile, the
    last one is repeated to fill it: every value then comes from the same loop.
    """
    rows, outputs = len(x), len(weight)
    out = np.empty((rows, outputs), np.float32)
    for n in range(0, outputs, 4):
        n1, n2, n3 = min(n + 1, outputs - 1), min(n + 2, outputs - 1), min(n + 3, outputs - 1)
        for row in range(0, rows, 2):
            other = min(row + 1, rows - 1)
            sums = tile(x[row], x[other], weight[n], weight[n1], weight[n2], weight[n3])
            out[row, n], out[row, n1], out[row, n2], out[row, n3] = sums[:4]
            out[other, n], out[other, n1], out[other, n2], out[other, n3] = sums[4:]
    out *= scale
    return out


@njit(fastmath=FAST, nogil=True, inline="always")
def tile(
    x: np.ndarray, y: np.ndarray, w0: np.ndarray, w1: np.ndarray, w2: np.ndarray, w3: np.ndarray
) -> tuple[np.float32, ...]:
    """Products of x [K], then of y [K], with four rows of a weight [K] each."""
    x0 = x1 = x2 = x3 = y0 = y1 = y2 = y3 = np.float32(0)
    for k in range(len(x)):
        x0 += x[k] * w0[k]
        x1 += x[k] * w1[k]
        x2 += x[k] * w2[k]
        x3 += x[k] * w3[k]
        y0 += y[k] * w0[k]
        y1 += y[k] * w1[k]
        y2 += y[k] * w2[k]
        y3 += y[k] * w3[k]
    return x0, x1, x2, x3, y0, y1, y2, y3


@njit(fastmath=FAST, nogil=True)
def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """[R, D] -> [R, D], for weight and bias [D]."""
    out = np.empty_like(x)
    for row in range(len(x)):
        centred = x[row] - x[row].mean()
        out[row] = centred / np.sqrt((centred * centred).mean() + EPSILON) * weight + bias
    return out


@njit(fastmath=FAST, nogil=True)
def gelu(x: np.ndarray) -> None:
    """In place: x times the normal CDF at x."""
    for row in range(x.shape[0]):
        for k in range(x.shape[1]):
            x[row, k] *= np.float32(0.5) * (np.float32(1) + math.erf(x[row, k] * np.float32(math.sqrt(0.5))))


@njit(fastmath=FAST, nogil=True)
def attend(q: np.ndarray, keys: np.ndarray, values: np.ndarray, steps: int, bias: np.ndarray) -> np.ndarray:
    """Attention of one query per head to the first steps of keys and values.

    Args:
        q: [R, >= D], of which the first D are read.
        keys, values: [R, h, S, d].
        steps: how many of S.
        bias: [h, steps], added to the scores.

    Returns:
        [R, D].
    """
    rows, heads, _, width = keys.shape
    out = np.zeros((rows, heads * width), np.float32)
    shrink = np.float32(1 / math.sqrt(width))
    weights = np.empty(steps, np.float32)
    for row in range(rows):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            query, mean = q[row, part] * shrink, out[row, part]
            for s in range(steps):
                score = np.float32(0)
                for i in range(width):
                    score += query[i] * keys[row, head, s, i]
                weights[s] = score + bias[head, s]
            weights[:] = np.exp(weights - weights.max())
            weights /= weights.sum()
            for s in range(steps):
                for i in range(width):
                    mean[i] += weights[s] * values[row, head, s, i]
    return out


def layer(
    x: np.ndarray,
    norms: np.ndarray,
    weights: tuple[np.ndarray, ...],
    scales: tuple[np.ndarray, ...],
    keys: np.ndarray,
    values: np.ndarray,
    context_keys: np.ndarray,
    context_values: np.ndarray,
    bias: np.ndarray,
    step: int,
) -> None:
    """`DecoderLayer.forward` on one step, in place.

    Args:
        x: float32 [R, D].
        norms: float32 [6, D], weight and bias of the norms before self-attention, cross-attention and MLP.
        weights: six matrices: qkv and out of self-attention, q and out of cross-attention, both of the MLP.
        scales: of each matrix.
        keys, values: [R, h, S, d], of this layer's steps so far; this step's are written there.
        context_keys, context_values: [R, h, C, d].
        bias: [h, C], for cross-attention.
        step: the step's number, from 0.
    """
    heads, width = keys.shape[1], keys.shape[3]
    qkv = product(layer_norm(x, norms[0], norms[1]), weights[0], scales[0])
    for row in range(len(x)):
        for head in range(heads):
            key, value = (heads + head) * width, (2 * heads + head) * width
            keys[row, head, step] = qkv[row, key : key + width]
            values[row, head, step] = qkv[row, value : value + width]
    x += product(attend(qkv, keys, values, step + 1, np.zeros((heads, step + 1), np.float32)), weights[1], scales[1])
    q = product(layer_norm(x, norms[2], norms[3]), weights[2], scales[2])
    x += product(attend(q, context_keys, context_values, context_keys.shape[2], bias), weights[3], scales[3])
    hidden = product(layer_norm(x, norms[4], norms[5]), weights[4], scales[4])
    gelu(hidden)
    x += product(hidden, weights[5], scales[5])


def head(x: np.ndarray, norm: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Logits of one codebook: x [R, D], the last norm's weight and bias [2, D], weight [card, D] -> [R, card]."""
    return product(layer_norm(x, norm[0], norm[1]), weight, scale)


MATRIX, VECTOR, CACHE = float32[:, ::1], float32[::1], float32[:, :, :, ::1]


def _compiled(function: Callable, *signatures: Any) -> Callable:
    """Compile the function for exactly these types, cached on disk; one process at a time."""
    with cache_lock(Path(__file__).parent):
        return njit(list(signatures), fastmath=FAST, nogil=True, cache=True)(function)


WEIGHTS = (MATRIX, int8[:, ::1])
decoder_layer = _compiled(
    layer,
    *(
        void(
            MATRIX,
            MATRIX,
            types.UniTuple(weight, 6),
            types.UniTuple(VECTOR, 6),
            CACHE,
            CACHE,
            CACHE,
            CACHE,
            MATRIX,
            intp,
        )
        for weight in WEIGHTS
    ),
)
decoder_head = _compiled(head, *(MATRIX(MATRIX, MATRIX, weight, VECTOR) for weight in WEIGHTS))
