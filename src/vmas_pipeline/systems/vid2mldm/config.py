"""Settings of Vid2MLDM; the defaults are the small version's, conf/paper has Tango's sizes."""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class MelConfig:
    """The spectrogram that is generated."""

    sample_rate: int = Field(default=16_000, ge=8_000)
    """Of the music, in Hz."""
    frame_rate: int = Field(default=50, ge=1)
    """Frames per second; divides the sample rate."""
    window: int = Field(default=1024, ge=64)
    """Samples of the Hann window."""
    bands: int = Field(default=64, ge=8)
    """Mel bands between 0 Hz and half the sample rate."""

    def __post_init__(self) -> None:
        if self.sample_rate % self.frame_rate:
            raise ValueError(f"mel frame_rate ({self.frame_rate}) must divide its sample_rate ({self.sample_rate})")

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return self.sample_rate // self.frame_rate


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AutoencoderConfig:
    """The KL autoencoder of spectrograms; each level after the first halves time and frequency."""

    widths: tuple[int, ...] = (16, 32, 48, 64)
    """Channels of each level."""
    layers: int = Field(default=1, ge=1)
    """Residual blocks of a level."""
    latent_channels: int = Field(default=16, ge=1)
    groups: int = Field(default=8, ge=1)
    """Of the group norms; divides every width."""
    attention: bool = False
    """Self-attention between encoder and decoder, as AudioLDM has."""
    kl_weight: float = Field(default=1e-3, ge=0)
    """Weight of the mean Kullback-Leibler divergence of a latent element, relative to the mean absolute error."""
    steps: int = Field(default=200, ge=1)
    batch: int = Field(default=8, ge=1)
    crop_frames: int = Field(default=64, ge=8)
    """Frames of a training crop."""
    learning_rate: float = Field(default=3e-3, gt=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VocoderConfig:
    """From spectrogram to waveform: the decoder of our codec, fed with mel frames."""

    width: int = Field(default=128, ge=1)
    blocks: int = Field(default=2, ge=1)
    steps: int = Field(default=200, ge=1)
    batch: int = Field(default=8, ge=1)
    crop_s: float = Field(default=1.0, gt=0)
    """Length of a training crop, seconds."""
    learning_rate: float = Field(default=4e-3, gt=0)
    """Of biases, norms and convolutions (AdamW)."""
    matrix_learning_rate: float = Field(default=1e-2, gt=0)
    """Of the matrices (Muon)."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DiffusionConfig:
    """The U-Net over latents, its training and its sampling."""

    widths: tuple[int, ...] = (32, 64, 96)
    """Channels of each level; each after the first halves time and frequency."""
    attends: tuple[bool, ...] = (False, True, True)
    """Levels that attend to the video (and to themselves)."""
    layers: int = Field(default=1, ge=1)
    """Residual blocks of a level."""
    heads: int | tuple[int, ...] = 4
    """Of the attention, for all levels or each."""
    groups: int = Field(default=8, ge=1)
    """Of the group norms; divides every width."""
    context_width: int = Field(default=64, ge=1)
    """To which the video's features are projected."""
    min_snr: float = Field(default=5.0, gt=0)
    """Gamma of the loss weights (Hang et al. 2023)."""
    unconditional: float = Field(default=0.1, ge=0, lt=1)
    """Share of training examples without video, for guidance."""
    steps: int = Field(default=550, ge=1)
    batch: int = Field(default=12, ge=1)
    """With the steps, as many clips as the default's own model sees."""
    learning_rate: float = Field(default=1e-3, gt=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Vid2MLDMConfig:
    """The networks and their trainings."""

    mel: MelConfig = MelConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    vocoder: VocoderConfig = VocoderConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    segments: int = Field(default=24, ge=1)
    """Into which a clip's frames are averaged for the context."""
    train_clips: int = Field(default=20_000, ge=2)
    """Clips of the training split that are kept in memory, spread evenly over it."""
    checkpoint_every: int = Field(default=50, ge=1)
    """Steps between checkpoints: an interrupted training goes on from the last."""
    seed: int = Field(default=0, ge=0)

    def __post_init__(self) -> None:
        if len(self.diffusion.attends) != len(self.diffusion.widths):
            raise ValueError(
                f"diffusion.attends has {len(self.diffusion.attends)} entries for {len(self.diffusion.widths)} "
                "diffusion.widths: give one a level"
            )
        if self.mel.bands % (self.shrinks * 2 ** (len(self.diffusion.widths) - 1)):
            raise ValueError(f"mel.bands ({self.mel.bands}) must be divisible by the halvings of both networks")

    @property
    def shrinks(self) -> int:
        """Frames, and bands, of one latent."""
        return 2 ** (len(self.autoencoder.widths) - 1)

    @property
    def clips_seen(self) -> int:
        """By the diffusion model's steps together."""
        return self.diffusion.steps * self.diffusion.batch

    def latents(self, seconds: float) -> int:
        """Latents of a clip in time, rounded up to what the U-Net can halve."""
        frames = round(seconds * self.mel.frame_rate)
        together = 2 ** (len(self.diffusion.widths) - 1)
        return -(-frames // (self.shrinks * together)) * together
