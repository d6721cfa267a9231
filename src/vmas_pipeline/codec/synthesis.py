"""Sound from gains: fixed sinusoids and fixed noises, each multiplied by a gain that changes slowly.

A sinusoid of constant frequency stays in tune whatever its gain does, so pitch survives quantisation: only which
frequencies sound, and how loud, is left to the network. Phases are fixed as well, which the ear does not mind.
"""

# B batch, N samples, H samples between gains, W = 2H samples of a cross-fade, I gains, G sinusoids, M noises

import math

import torch
from torch import Tensor, nn

from vmas_pipeline.audio.mel import mel_bank

NOISE_FRAMES = 401
"""Cross-fades until the noises repeat: two seconds, and a prime number, at the embedded default's 200 a second."""


class SineBank(nn.Module):
    """Sinusoids of fixed frequency and phase, [B, I, G] gains -> [B, I * H] samples; has no weights.

    Gain i holds at sample (i + 0.5) * H, and Hann windows cross-fade from one to the next. Within its cross-fade a
    sinusoid of phase p is cos(p) times a fixed cosine less sin(p) times a fixed sine, so one product with a windowed
    basis [2G, W] makes all of them.

    Args:
        frequencies_hz: [G], float64.
        step: samples between gains, H.
    """

    cycles: Tensor
    phases: Tensor
    basis: Tensor

    def __init__(self, frequencies_hz: Tensor, sample_rate: int, step: int) -> None:
        super().__init__()
        self.step = step
        draw = torch.Generator().manual_seed(0)
        samples = torch.arange(2 * step, dtype=torch.float64) - step
        window = torch.hann_window(2 * step, dtype=torch.float64)
        angles = 2 * math.pi * frequencies_hz[:, None] * samples / sample_rate  # [G, W], zero at a fade's middle
        basis = torch.cat([angles.cos() * window, -angles.sin() * window]).float()
        self.register_buffer("cycles", frequencies_hz * step / sample_rate, persistent=False)  # of one step
        self.register_buffer(
            "phases", torch.rand(len(frequencies_hz), dtype=torch.float64, generator=draw), persistent=False
        )
        self.register_buffer("basis", basis, persistent=False)

    def forward(self, gains: Tensor, first: int = 0) -> Tensor:
        """[B, I, G] -> [B, I * H].

        Args:
            first: number of the first gain since the music's start: parts made one by one then join in phase.
        """
        steps = torch.arange(first, first + gains.shape[1], device=gains.device)
        angles = (2 * math.pi * ((self.cycles * steps[:, None] + self.phases) % 1)).float()  # [I, G]
        return overlap_add(torch.cat([gains * angles.cos(), gains * angles.sin()], -1) @ self.basis)


class NoiseBank(nn.Module):
    """Noises of fixed bands, [B, I, M] gains -> [B, I * H] samples; has no weights.

    The bands are triangles on the mel scale in power, as in the analysis; each noise has a root mean square of one.

    Args:
        bands: M.
        step: samples between gains, H.
    """

    frames: Tensor

    def __init__(self, bands: int, sample_rate: int, step: int) -> None:
        super().__init__()
        self.step = step
        period = NOISE_FRAMES * step
        white = torch.fft.rfft(torch.randn(period, generator=torch.Generator().manual_seed(0)))
        power = mel_bank(sample_rate, period, bands)  # [M, bins]
        noises = torch.fft.irfft(white * power.sqrt(), period)
        noises /= noises.square().mean(1, keepdim=True).sqrt()
        wrapped = torch.cat([noises, noises[:, :step]], 1)
        frames = wrapped.unfold(-1, 2 * step, step) * torch.hann_window(2 * step)  # [M, NOISE_FRAMES, W]
        self.register_buffer("frames", frames.transpose(0, 1).contiguous(), persistent=False)

    def forward(self, gains: Tensor, first: int = 0) -> Tensor:
        """[B, I, M] -> [B, I * H]; `first` as in `SineBank.forward`."""
        numbers = torch.arange(first, first + gains.shape[1], device=gains.device) % NOISE_FRAMES
        return overlap_add(torch.einsum("bim,imw->biw", gains, self.frames[numbers]))


def overlap_add(frames: Tensor) -> Tensor:
    """Frames that overlap by half and are centred on (i + 0.5) * H -> their sum: [B, I, 2H] -> [B, I * H].

    Of the first and the last frame, what lies outside is dropped.
    """
    rising, falling = frames.chunk(2, dim=-1)  # [B, I, H] each
    step = rising.shape[-1]
    both = torch.nn.functional.pad(rising, (0, 0, 0, 1)) + torch.nn.functional.pad(falling, (0, 0, 1, 0))
    before = step - step // 2
    return both.flatten(1)[:, before : before + frames.shape[1] * step]
