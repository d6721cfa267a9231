"""Settings of the small codec and of its training."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SinusoidalCodecConfig:
    """Sizes of a `SinusoidalCodec`; stored as config.json next to its weights."""

    sample_rate: int = 16000
    """Samples per second of the waveform, mono."""
    frame_rate: int = 50
    """Tokens per second and codebook; must divide sample_rate."""
    codebooks: int = 4
    """Residual quantisers, K."""
    card: int = 256
    """Entries of each codebook."""
    code_width: int = 64
    """Width of the code vectors, D."""
    width: int = 128
    """Channels of the ConvNeXt blocks."""
    blocks: int = 2
    """ConvNeXt blocks on each side of the quantiser."""
    lowest_note: int = 28
    """First note of the sinusoids, MIDI (28: 41 Hz, the lowest string of a bass)."""
    highest_note: int = 118
    """Last note of the sinusoids (118: 7.5 kHz); below half the sample rate."""
    per_semitone: int = Field(default=3, ge=1)
    """Sinusoids to a semitone: 3 lie 33 cents apart."""
    bands: int = Field(default=20, ge=1)
    """Mel bands of the noise and of the encoder's short windows, M."""
    tonal_steps: int = Field(default=2, ge=1)
    """Gains of each sinusoid in a token; must divide the hop."""
    short_steps: int = Field(default=4, ge=1)
    """Gains of each noise in a token, and short windows of the encoder; must divide the hop."""

    def __post_init__(self) -> None:
        if self.sample_rate % self.frame_rate:
            raise ValueError(
                f"codec frame_rate ({self.frame_rate}) must divide its sample_rate ({self.sample_rate}): "
                "set codec.model.frame_rate"
            )
        for name in ("tonal_steps", "short_steps"):
            if self.hop % getattr(self, name):
                raise ValueError(
                    f"codec {name} ({getattr(self, name)}) must divide the hop of {self.hop} samples "
                    f"(sample_rate / frame_rate): set codec.model.{name} or codec.model.frame_rate"
                )
        highest_hz = 440.0 * 2 ** ((self.highest_note - 69) / 12)
        if not self.lowest_note < self.highest_note or highest_hz >= self.sample_rate / 2:
            raise ValueError(
                f"codec highest_note ({self.highest_note}, {highest_hz:.0f} Hz) must lie above lowest_note "
                f"({self.lowest_note}) and below half the sample rate ({self.sample_rate / 2:.0f} Hz): "
                "set codec.model.highest_note"
            )

    @property
    def hop(self) -> int:
        """Samples per token."""
        return self.sample_rate // self.frame_rate


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CodecConfig:
    """Which codec the flow uses, and how the small one is trained."""

    pretrained: str | None = None
    """Name or folder of a pretrained EnCodec (`facebook/encodec_32khz`), an audiocraft file (MusicGen's
    compression_state_dict.bin), or a registered model whose codec to use (`models:/vmas@champion`): it is copied, and
    nothing is trained."""
    bandwidth: float | None = Field(default=None, gt=0)
    """Kilobits per second of a pretrained EnCodec that has several (24 kHz: 1.5 to 24, with 2 to 32 codebooks); null
    for the largest."""
    model: SinusoidalCodecConfig = SinusoidalCodecConfig()
    """The small network; its sample_rate must be the clip's."""
    steps: int = Field(default=900, ge=1)
    """Optimiser steps."""
    batch: int = Field(default=8, ge=1)
    """Crops per step."""
    crop_s: float = Field(default=1.0, gt=0)
    """Length of a crop, seconds."""
    learning_rate: float = Field(default=4e-3, gt=0)
    """Peak of the cosine schedule of biases, norms and convolutions (AdamW)."""
    matrix_learning_rate: float = Field(default=1e-2, gt=0)
    """Peak of the cosine schedule of the matrices (Muon: Jordan 2024; scaled to the updates of AdamW)."""
    unquantised: float = Field(default=0.1, ge=0, lt=1)
    """First fraction of the steps, which bypasses the quantiser."""
    partials_weight: float = Field(default=30.0, ge=0)
    """Weight, relative to the mel loss, of the squared error of the partials' logarithmic amplitudes: pitch."""
    flicker_weight: float = Field(default=3.0, ge=0)
    """Weight, relative to the mel loss, of the L1 between frame-to-frame spectral changes: flicker is audible."""
    commitment_weight: float = Field(default=0.05, ge=0)
    """Weight of the distance between the encoder's output and the codes chosen for it."""
    train_clips: int = Field(default=512, ge=1)
    """Training clips kept in memory, spread evenly over the manifest."""
    eval_clips: int = Field(default=48, ge=1)
    """Held-out clips for the reconstruction metrics."""
    threads: int = Field(default=2, ge=1)
    """Torch threads."""
    seed: int = 0
    """Seed of the weights, crops and mel scales."""
