"""Music that is there already: a take's own tokens, or any sound, which the codec encodes."""

# K codebooks, T token frames, N samples

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.generator import Generator
from vmas_pipeline.media import Limits, printable, read_audio
from vmas_pipeline.production.options import Span

TOKENS = ".npz"
"""Suffix of a take's tokens, which keep its music exactly."""


def save_tokens(path: Path, generator: Generator, codes: Tensor) -> None:
    """Write tokens [K, T], with the name of the codec that they are of."""
    np.savez_compressed(path, codes=codes.cpu().numpy().astype(np.int32), codec=_codec_name(generator))


def given_codes(
    generator: Generator,
    music: Path,
    first_token: int,
    tokens: int,
    redo: list[tuple[int, int]],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Tensor:
    """What stays of given music, as `Generator.compose` takes it.

    Args:
        generator: whose codec encodes it.
        music: a sound, a video with one, or a take's tokens.
        first_token: where it begins; it may begin before 0, and end after `tokens`.
        tokens: T.
        redo: sections to compose anew, from and to, in tokens.
        limits: of reading it.

    Returns:
        int64 [K, T], -1 where it has nothing.

    Raises:
        MediaError: a file without a sound.
        ValueError: tokens of another codec, or music that leaves nothing to compose.
    """
    codes = torch.full((generator.codec.codebooks, tokens), -1)
    found = _read(generator, music, limits)  # [K, T']
    first, last = max(0, first_token), min(tokens, first_token + found.shape[1])
    if first < last:
        codes[:, first:last] = found[:, first - first_token : last - first_token]
    for begin, end in redo:
        codes[:, begin:end] = -1
    if not (codes < 0).any():
        raise ValueError(f"{printable(music)} fills all of the video: name sections to make anew (redo)")
    return codes


def tokens_of(spans: tuple[Span, ...], start_s: float, rate: float) -> list[tuple[int, int]]:
    """Sections of the video as token frames of music that begins at `start_s`, none of them empty."""
    return [(max(0, round((a - start_s) * rate)), max(1, round((b - start_s) * rate))) for a, b in spans]


def _read(generator: Generator, music: Path, limits: Limits) -> Tensor:
    if music.suffix != TOKENS:
        waveform = read_audio(music, sample_rate=generator.codec.sample_rate, limits=limits)  # [1, N]
        return generator.codec.encode(torch.from_numpy(waveform)[None].to(generator.device))[0].cpu()
    with np.load(music) as stored:
        if str(stored["codec"]) != _codec_name(generator):
            raise ValueError(
                f"{printable(music)} holds tokens of another codec: use the model that made them, or a wav"
            )
        return torch.from_numpy(stored["codes"].astype(np.int64))


def _codec_name(generator: Generator) -> str:
    return sha256(generator.codec.code_vectors.detach().cpu().float().numpy().tobytes()).hexdigest()[:16]
