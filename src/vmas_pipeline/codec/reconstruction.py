"""Quality of a codec: onsets, pitch, timbre, and how predictable its codes are for a language model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vmas_pipeline.audio.mel import PICTURE_BANDS, PICTURE_RANGE_DB, mel_distance, mel_picture
from vmas_pipeline.audio.onsets import match_times, onset_times
from vmas_pipeline.audio.pitch import chroma_correlation, pitch_agreement
from vmas_pipeline.codec.interface import AudioCodec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONSET_WINDOW_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Metrics of a codec on held-out clips."""

    onset_f1: float  # mean over clips, onsets within 50 ms
    pitch: float  # mean over clips, share of loud frames whose strongest partial is within 25 cents of the original's
    chroma: float  # mean over clips, correlation of the chroma vectors
    mel_db: list[float]  # K: mean distance in dB when the first 1..K codebooks are decoded
    latent_snr_db: list[float]  # K - 1: signal-to-noise ratio of the first 1..K-1 codebooks' sum against that of all
    perplexity: list[float]  # K: of the codes' distribution, at most the card
    usage: list[float]  # K: fraction of entries used at least once
    conditional_perplexity: list[float]  # K: given the previous frame (codebook 0) or codebook (others)

    def as_metrics(self) -> dict[str, float]:
        """Flat names for the tracker: `codec/onset_f1`, `codec/pitch`, `codec/perplexity_0`, ..."""
        flat = {f"codec/{name}": getattr(self, name) for name in ("onset_f1", "pitch", "chroma")}
        flat["codec/mel_db"] = self.mel_db[-1]
        for name in ("mel_db", "latent_snr_db"):
            flat |= {f"codec/{name}_first_{k + 1}": value for k, value in enumerate(getattr(self, name))}
        for name in ("perplexity", "usage", "conditional_perplexity"):
            flat |= {f"codec/{name}_{k}": value for k, value in enumerate(getattr(self, name))}
        return flat


@torch.no_grad()
def measure(codec: AudioCodec, waveforms: Tensor) -> Reconstruction:
    """Encode and decode held-out clips and compare.

    Args:
        waveforms: float [B, 1, N] at the codec's sample rate.
    """
    codes = codec.encode(waveforms)  # [B, K, T]
    length = waveforms.shape[-1]
    decoded = [codec.decode(codes[:, : k + 1])[..., :length] for k in range(codec.codebooks)]
    rate, pairs = codec.sample_rate, list(zip(waveforms[:, 0].numpy(), decoded[-1][:, 0].numpy(), strict=True))
    return Reconstruction(
        onset_f1=float(np.mean([onset_f1(onset_times(a, rate), onset_times(b, rate)) for a, b in pairs])),
        pitch=float(np.mean([pitch_agreement(a, b, rate) for a, b in pairs])),
        chroma=float(np.mean([chroma_correlation(a, b, rate) for a, b in pairs])),
        mel_db=[float(mel_distance(waveforms[:, 0], part[:, 0], codec.sample_rate).mean()) for part in decoded],
        latent_snr_db=_prefix_snr(codec.code_vectors, codes),
        perplexity=[_perplexity(row, codec.card) for row in codes.unbind(1)],
        usage=[row.unique().numel() / codec.card for row in codes.unbind(1)],
        conditional_perplexity=_conditional_perplexity(codes, codec.card),
    )


def onset_f1(reference: np.ndarray, estimate: np.ndarray, window_s: float = ONSET_WINDOW_S) -> float:
    """F-measure of the largest one-to-one matching of onsets within `window_s`, as in mir_eval.onset.

    Args:
        reference: seconds, ascending, [n].
        estimate: seconds, ascending, [m].

    Returns:
        2 matches / (n + m); 1.0 when both are empty.

    >>> onset_f1(np.array([1.0, 2.0]), np.array([1.04, 3.0]))
    0.5
    """
    total = len(reference) + len(estimate)
    return 2 * len(match_times(reference, estimate, window_s)) / total if total else 1.0


def _prefix_snr(vectors: Tensor, codes: Tensor) -> list[float]:
    """Ratio in dB of the variance of all codebooks' sum to the residual variance after the first 1..K-1."""
    parts = torch.stack([functional.embedding(codes[:, k], vectors[k]) for k in range(len(vectors))])  # [K, B, T, D]
    whole = parts.sum(0)
    signal = (whole - whole.mean(dim=(0, 1))).square().mean()
    noise = [(whole - parts[: k + 1].sum(0)).square().mean() for k in range(len(vectors) - 1)]
    return [float(10 * torch.log10(signal / n.clamp_min(1e-12))) for n in noise]


def _entropy(counts: Tensor) -> Tensor:
    p = counts[counts > 0].double() / counts.sum()
    return -(p * p.log()).sum()


def _perplexity(codes: Tensor, card: int) -> float:
    return float(_entropy(torch.bincount(codes.flatten(), minlength=card)).exp())


def _conditional_perplexity(codes: Tensor, card: int) -> list[float]:
    """exp H(code | context): the context is the previous frame for codebook 0, the previous codebook for the others.

    Estimated from counts on these clips, so biased low for few clips; compare codecs on the same clips.
    """
    found = []
    for k in range(codes.shape[1]):
        context, target = (codes[:, 0, :-1], codes[:, 0, 1:]) if k == 0 else (codes[:, k - 1], codes[:, k])
        joint = torch.bincount((context * card + target).flatten(), minlength=card * card)
        found.append(float((_entropy(joint) - _entropy(joint.view(card, card).sum(1))).exp()))
    return found


def reconstruction_figure(originals: Tensor, decoded: Tensor, sample_rate: int) -> "Figure":
    """Log-mel spectrograms, original above reconstruction, one column per clip; onsets as white lines.

    Args:
        originals: [n, N].
        decoded: [n, N].
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(originals), 5), layout="constrained")
    axes = figure.subplots(2, len(originals), squeeze=False, sharex=True, sharey=True)
    for row, (name, waves) in enumerate((("original", originals), ("reconstruction", decoded))):
        for axis, wave in zip(axes[row], waves, strict=True):
            picture, extent = mel_picture(wave.numpy(), sample_rate), (0, wave.numel() / sample_rate, 0, PICTURE_BANDS)
            axis.imshow(
                picture, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-PICTURE_RANGE_DB, vmax=0
            )
            axis.vlines(onset_times(wave.numpy(), sample_rate), 0.9 * PICTURE_BANDS, PICTURE_BANDS, color="white")
            axis.set(title=name, xlabel="seconds" if row else "", ylabel="mel band")
    return figure
