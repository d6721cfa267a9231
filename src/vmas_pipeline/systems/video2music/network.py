"""Video2Music's networks: chords by an encoder and a decoder, note density and loudness by a recurrent regression."""

# B batch, S seconds, D width, V width of the video's features, C chords so far

from math import log

import torch
from torch import Tensor, nn

from vmas_pipeline.systems.video2music.chords import CHORDS, END, NONE, QUALITIES, TOKENS

ROOTS = 15
"""Of no chord, the twelve, end and padding."""

KINDS = 16
"""Of no chord, the qualities, end and padding."""

REPEATED = 2
"""A chord may fill this many seconds in a row, as in the original."""

REGRESSION_WIDTH = 64


class Video2Music(nn.Module):
    """Both networks, and the statistics of what they read and write."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.roots, self.kinds = nn.Embedding(ROOTS, width), nn.Embedding(KINDS, width)
        self.chord_entry, self.video_entry = nn.Linear(width + 1, width), nn.Linear(features, width)
        self.transformer = nn.Transformer(width, heads, layers, layers, 2 * width, dropout, batch_first=True)
        self.exit = nn.Linear(width, TOKENS)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.GRU(features, REGRESSION_WIDTH, 2, batch_first=True, bidirectional=True)
        self.levels_exit = nn.Linear(2 * REGRESSION_WIDTH, 2)

    def logits(self, video: Tensor, chords: Tensor, minor: Tensor) -> Tensor:
        """Of the chord after each, given the whole video.

        Args:
            video: features, float32 [B, S, V].
            chords: int64 [B, C].
            minor: whether the key is, float32 [B].

        Returns:
            [B, C, TOKENS].
        """
        seen = self.video_entry((video - self.mean) / self.deviation)
        root, kind = _parts(chords)
        mode = minor[:, None, None].expand(-1, chords.shape[1], 1)
        written = self.chord_entry(torch.cat([self.roots(root) + self.kinds(kind), mode], dim=-1))
        mask = nn.Transformer.generate_square_subsequent_mask(chords.shape[1], device=chords.device)
        seen, written = (self.dropout(each + _positions(each)) for each in (seen, written))
        return self.exit(self.transformer(seen, written, tgt_mask=mask, tgt_is_causal=True))

    def levels(self, video: Tensor) -> Tensor:
        """Note density, in onsets a second, and loudness, RMS, of each second: [B, S, V] -> [B, S, 2]."""
        return self.levels_exit(self.recurrent(self.dropout((video - self.mean) / self.deviation))[0])

    @torch.inference_mode()
    def write(self, video: Tensor, first: int, minor: bool, window: int, draw: torch.Generator) -> list[int]:
        """Draw a chord for each second; never none, never the end.

        Args:
            video: features [S, V], of any length.
            first: chord of the first second.
            minor: whether the key is.
            window: seconds that are seen at once, as many as in training; the last chord of a window is the next's
                first.
            draw: source of all draws.
        """
        mode, chords, stride = torch.tensor([float(minor)]), [first], max(1, window - 1)
        while len(chords) < len(video):
            start = (len(chords) - 1) // stride * stride
            logits = self.logits(video[None, start : start + window], torch.tensor([chords[start:]]), mode)[0, -1, :END]
            logits[NONE] = -torch.inf
            if len(chords) >= REPEATED and len(set(chords[-REPEATED:])) == 1:
                logits[chords[-1]] = -torch.inf
            chords.append(int(torch.multinomial(logits.softmax(-1), 1, generator=draw)))
        return chords


def _parts(chords: Tensor) -> tuple[Tensor, Tensor]:
    """Root and kind of chords, int64 [...] each."""
    special = chords - CHORDS  # end and padding from 0
    root = torch.where(special >= 0, 13 + special, 1 + (chords - 1) // len(QUALITIES))
    kind = torch.where(special >= 0, 14 + special, 1 + (chords - 1) % len(QUALITIES))
    return torch.where(chords == NONE, 0, root), torch.where(chords == NONE, 0, kind)


def _positions(steps: Tensor) -> Tensor:
    """Sinusoids for steps [B, S, D], [S, D]."""
    width = steps.shape[-1]
    rates = torch.exp(torch.arange(0, width, 2, device=steps.device) * (-log(10_000.0) / width))
    angles = torch.arange(steps.shape[1], device=steps.device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
