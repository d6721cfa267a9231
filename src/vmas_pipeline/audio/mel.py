"""Log-mel spectrograms: for the codec's training loss, its reconstruction metric, and images of music."""

import numpy as np
import torch
from torch import Tensor, nn

SCALES = ((64, 8), (128, 16), (256, 24), (512, 40), (1024, 64), (2048, 96))
"""STFT windows in samples, with the number of mel bands of each."""

FLOOR_DB = -80.0
"""Below full scale, what the training loss takes for silence."""

PICTURE_BANDS, PICTURE_RANGE_DB = 80, 70.0
"""Mel bands of an image of music, and its dynamic range below the maximum."""


def mel_bank(sample_rate: int, window: int, bands: int) -> Tensor:
    """Triangles on the mel scale between 0 Hz and half the sample rate, [bands, window / 2 + 1]; rows sum to one."""
    from torchaudio.functional import melscale_fbanks

    bank = melscale_fbanks(window // 2 + 1, 0.0, sample_rate / 2, bands, sample_rate, norm="slaney")
    return bank.T * (sample_rate / window)


class LogMel(nn.Module):
    """Log-mel magnitude for one window length; the hop is a quarter window.

    Args:
        window: samples of the Hann window.
        bands: mel bands between 0 Hz and half the sample rate.
        floor: lower bound for magnitudes (full scale is about window / 4).
    """

    window: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int, window: int, bands: int, floor: float = 1e-3) -> None:
        super().__init__()
        self.size, self.floor = window, floor
        self.register_buffer("bank", mel_bank(sample_rate, window, bands))
        self.register_buffer("window", torch.hann_window(window))

    def forward(self, waveform: Tensor) -> Tensor:
        """[B, N] -> natural logarithm of the mel magnitudes, [B, bands, frames]."""
        spectrum = torch.stft(waveform, self.size, self.size // 4, window=self.window, return_complex=True)
        return torch.log((self.bank @ spectrum.abs()).clamp_min(self.floor))


def mel_scales(sample_rate: int) -> list[LogMel]:
    """One `LogMel` for each of `SCALES`, with floors `FLOOR_DB` below full scale."""
    return [LogMel(sample_rate, window, bands, window / 4 * 10 ** (FLOOR_DB / 20)) for window, bands in SCALES]


def mel_distance(reference: Tensor, other: Tensor, sample_rate: int) -> Tensor:
    """Mean absolute difference of 64-band log-mel spectra, in dB: [B, N] twice -> [B]."""
    log_mel = LogMel(sample_rate, 1024, 64)
    difference = (log_mel(reference) - log_mel(other)).abs().mean(dim=(1, 2))
    return difference * (20 / torch.log(torch.tensor(10.0)))


def mel_picture(waveform: np.ndarray, sample_rate: int, hop: int = 256) -> np.ndarray:
    """A mel spectrogram for display: waveform [N] -> float32 [80, frames], from its maximum, 0 dB, down to -70."""
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    spectrogram = MelSpectrogram(
        sample_rate, n_fft=1024, hop_length=hop, f_min=40, n_mels=PICTURE_BANDS, norm="slaney", mel_scale="slaney"
    )
    power = spectrogram(torch.from_numpy(np.ascontiguousarray(waveform, np.float32)))
    decibels = AmplitudeToDB(top_db=PICTURE_RANGE_DB)(power)
    return (decibels - decibels.max()).numpy()
