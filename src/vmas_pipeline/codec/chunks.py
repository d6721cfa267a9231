"""Decoding of music of any length, chunk by chunk."""

import numpy as np
import torch

from vmas_pipeline.codec.interface import AudioCodec

DECODED_AT_ONCE_S = 30.0
"""Seconds of tokens that the codec decodes in one call, which bounds its memory for long videos."""

DECODER_CONTEXT_S = 1.0
"""Seconds decoded on each side of such a chunk and dropped, so that chunks join as if decoded together."""


@torch.inference_mode()
def decode_in_chunks(codec: AudioCodec, codes: torch.Tensor) -> np.ndarray:
    """Decode codes [B, K, T] to float32 [B, 1, N] in [-1, 1], with memory that does not grow with T."""
    hop = round(codec.sample_rate / codec.frame_rate)
    chunk, context = (round(s * codec.frame_rate) for s in (DECODED_AT_ONCE_S, DECODER_CONTEXT_S))
    pieces = []
    for start in range(0, codes.shape[-1], chunk):
        end = min(start + chunk, codes.shape[-1])
        left = max(0, start - context)
        piece = codec.decode(codes[..., left : end + context], left)[..., (start - left) * hop : (end - left) * hop]
        pieces.append(piece.clamp(-1, 1).float().cpu().numpy())
    return np.concatenate(pieces, axis=-1)
