"""What the sinusoidal codec hears of a waveform: partials on a grid of notes, and loud bands in short windows.

Pitch needs long windows and attacks need short ones, so there are both. A long window finds the frequency of a partial
to a few cents by reassignment (Auger and Flandrin 1995, IEEE Trans. Signal Processing 43(5)): where the phase of the
transform turns faster than a bin's own frequency, the partial lies above it.
"""

# B batch, N samples, T tokens, G frequencies of the grid, S short windows of a token, M bands

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.audio.mel import mel_bank

LONG_WINDOWS = ((0.256, 0.0, 300.0), (0.128, 300.0, 1200.0), (0.064, 1200.0, math.inf))
"""Length in seconds of each long window, and the band in Hz whose partials it measures: low notes lie closer."""

MAIN_LOBE = 2
"""Bins on each side of a sinusoid that its energy reaches in a Hann window."""

SHORT_WINDOW_S = 0.016
SHORT_FLOOR = 5e-3
"""Lower bound of the magnitudes in short windows (full scale is 64 at 16 kHz): below it, silence."""

A4_HZ, A4 = 440.0, 69
"""Concert pitch and its MIDI number."""


def note_grid(lowest: int, highest: int, per_semitone: int) -> Tensor:
    """Frequencies in Hz from one MIDI note to another in equal steps, both included, float64 [G].

    >>> note_grid(69, 70, 2).round(decimals=2).tolist()
    [440.0, 452.89, 466.16]
    """
    steps = torch.arange((highest - lowest) * per_semitone + 1, dtype=torch.float64)
    return A4_HZ * 2 ** ((steps / per_semitone + lowest - A4) / 12)


class Analysis(nn.Module):
    """The codec's view of a waveform; has no weights.

    Token t is centred on (t + 0.5) * hop samples.

    Args:
        sample_rate: samples per second.
        hop: samples per token.
        lowest: first note of the grid, MIDI.
        highest: last note of the grid.
        per_semitone: grid frequencies to a semitone.
        bands: mel bands of the short windows, M.
        short_steps: short windows of a token, S; divides `hop`.
    """

    grid: Tensor
    window: Tensor
    bank: Tensor

    def __init__(
        self, *, sample_rate: int, hop: int, lowest: int, highest: int, per_semitone: int, bands: int, short_steps: int
    ) -> None:
        super().__init__()
        self.sample_rate, self.hop, self.short_steps = sample_rate, hop, short_steps
        self.lowest, self.per_semitone = lowest, per_semitone
        short = power_of_two(SHORT_WINDOW_S * sample_rate)
        self.register_buffer("grid", note_grid(lowest, highest, per_semitone), persistent=False)
        self.register_buffer("window", torch.hann_window(short), persistent=False)
        self.register_buffer("bank", mel_bank(sample_rate, short, bands), persistent=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Waveform [B, N] -> (partials [B, T, G], shorts [B, T, S * M])."""
        return self.partials(waveform), self.shorts(waveform)

    def partials(self, waveform: Tensor) -> Tensor:
        """Amplitudes of the partials nearest to each frequency of the grid: [B, N] -> [B, T, G].

        A steady sinusoid of amplitude a within half a step of grid frequency g gives a at [.., g] and nearly nothing
        elsewhere.
        """
        tokens = -(-waveform.shape[-1] // self.hop)
        power = waveform.new_zeros(len(waveform), tokens, len(self.grid))
        for seconds, low_hz, high_hz in LONG_WINDOWS:
            window = power_of_two(seconds * self.sample_rate)
            bins = _bins(low_hz, high_hz, window, self.sample_rate)
            spectrum = torch.fft.rfft(self._frames(waveform, window, self.hop))[..., bins]
            frequency_hz, energy = reassigned(spectrum, bins, window, self.sample_rate)
            note = 12 * torch.log2(frequency_hz.clamp_min(1.0) / A4_HZ) + A4
            index = ((note - self.lowest) * self.per_semitone).round().long()
            known = (frequency_hz >= low_hz) & (frequency_hz < high_hz) & (index >= 0) & (index < len(self.grid))
            power.scatter_add_(-1, index.clamp(0, len(self.grid) - 1), torch.where(known, energy, 0.0))
        return power.sqrt()

    def shorts(self, waveform: Tensor) -> Tensor:
        """Logarithms of the bands' magnitudes in short windows, at least `SHORT_FLOOR`: [B, N] -> [B, T, S * M]."""
        frames = self._frames(waveform, len(self.window), self.hop // self.short_steps)  # [B, T * S, window]
        magnitudes = torch.fft.rfft(frames * self.window).abs() @ self.bank.T
        return torch.log(magnitudes.clamp_min(SHORT_FLOOR)).unflatten(1, (-1, self.short_steps)).flatten(2)

    def _frames(self, waveform: Tensor, window: int, step: int) -> Tensor:
        """Frames whose centres are `step` apart and cover whole tokens: [B, N] -> [B, T * hop / step, window]."""
        missing = -waveform.shape[-1] % self.hop
        edge = (window - step) // 2
        return functional.pad(waveform, (edge, window - step - edge + missing)).unfold(-1, window, step)


def power_of_two(samples: float) -> int:
    """The power of two nearest to a length, as a ratio."""
    return 2 ** round(math.log2(samples))


def _bins(low_hz: float, high_hz: float, window: int, sample_rate: int) -> slice:
    """The bins that energy of a band can reach, and one more on each side."""
    first = max(0, int(low_hz * window / sample_rate) - MAIN_LOBE - 1)
    last = min(window / 2, high_hz * window / sample_rate + MAIN_LOBE + 1)
    return slice(first, math.ceil(last) + 1)


def reassigned(spectrum: Tensor, bins: slice, window: int, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Where the energy of each bin comes from: the frequency to which reassignment moves it.

    The Hann window w(n) = 1/2 - cos(2 pi n / W) / 2 and its derivative have three non-zero transform bins each, so both
    spectra follow from that of the bare frames. With X of the window and D of its derivative, a bin's energy belongs to
    the angular frequency w_k - Im(D / X).

    Args:
        spectrum: bins of the transform of the frames without a window, complex [..., F].
        bins: which ones.
        window: samples of a frame, W.

    Returns:
        Frequencies in Hz and energies, each [..., F - 2]; the energies that a sinusoid of amplitude a leaves sum to
        a squared. Energy that comes from further than the window's main lobe is left out.
    """
    before, here, after = spectrum[..., :-2], spectrum[..., 1:-1], spectrum[..., 2:]
    hann = 0.5 * here - 0.25 * (before + after)
    derivative = (before - after) * (-0.5j * math.pi / window)
    power = hann.real.square() + hann.imag.square()
    centres = torch.arange(bins.start + 1, bins.stop - 1, device=spectrum.device)
    shift = -(derivative * hann.conj()).imag / (power + 1e-12) * window / (2 * math.pi)  # in bins
    near = shift.abs() < MAIN_LOBE + 0.5
    return (centres + shift) * (sample_rate / window), torch.where(near, power * 32 / (3 * window**2), 0.0)
