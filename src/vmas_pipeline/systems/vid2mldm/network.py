"""All parts of Vid2MLDM in one module, and music from it."""

# B clips, T frames, M mel bands, C latent channels, t and m latents in time and frequency, S segments, D features

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import Tensor, nn

from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.systems.mvpt import video_segments
from vmas_pipeline.systems.tracks import PICTURE
from vmas_pipeline.systems.vid2mldm.config import Vid2MLDMConfig
from vmas_pipeline.systems.vid2mldm.diffusion import Diffusion
from vmas_pipeline.systems.vid2mldm.spectrogram import MelSpectrogram, MelVocoder, autoencoder

FEATURES = 2 * 3 * PICTURE**2
"""Of a segment: coarse colours and their changes, as MVPt's."""


class Vid2MLDM(nn.Module):
    """Spectrogram, autoencoder, vocoder and diffusion."""

    scale: Tensor

    def __init__(self, config: Vid2MLDMConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = MelSpectrogram(config.mel)
        self.autoencoder = autoencoder(config.autoencoder)
        self.vocoder = MelVocoder(config.mel, config.vocoder)
        self.diffusion = Diffusion(config.diffusion, config.autoencoder.latent_channels, config.segments, FEATURES)
        self.register_buffer("scale", torch.ones(()))  # from the autoencoder's latents to a deviation of one

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.scale.device

    @torch.inference_mode()
    def encode(self, mel: Tensor) -> Tensor:
        """Spectrograms [B, T, M] -> latents [B, C, t, m], the means of the autoencoder's posterior, not scaled."""
        return self.autoencoder.encode(mel[:, None]).latent_dist.mean

    @torch.inference_mode()
    def spectrograms(self, latents: Tensor) -> Tensor:
        """Latents as `encode` returns them -> spectrograms [B, T, M]."""
        return cast(Tensor, self.autoencoder.decode(latents).sample)[:, 0]

    def noise(self, seeds: Sequence[int], latents: int) -> Tensor:
        """Of each seed its own, whatever the batch: [B, C, t, m]."""
        shape = self.config.autoencoder.latent_channels, latents, self.config.mel.bands // self.config.shrinks
        drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(drawn).to(self.device)

    def segments(self, videos: Sequence[np.ndarray]) -> Tensor:
        """Frames uint8 [F, H, H, 3] of each clip -> features [B, S, D]."""
        return torch.stack([video_segments(frames, self.config.segments) for frames in videos]).to(self.device)

    def sound(self, mel: Tensor) -> np.ndarray:
        """Spectrograms [B, T, M] -> waveforms float32 [B, T * hop]."""
        return decode_in_chunks(self.vocoder, mel.transpose(1, 2))[:, 0]


def load(folder: Path) -> tuple[Vid2MLDM, dict[str, float]]:
    """The network that `training.fit` wrote, and what else its config.json says of the clips.

    Raises:
        ValueError: there is none.
    """
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        raise ValueError(f"{folder} is no model of Vid2MLDM: train it as a variant of the comparison")
    about = json.loads((folder / "config.json").read_text())
    network = Vid2MLDM(TypeAdapter(Vid2MLDMConfig).validate_python(about.pop("config")))
    network.load_state_dict(load_file(folder / "model.safetensors"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return network.to(device).eval().requires_grad_(False), about


def described(network: Vid2MLDM) -> dict[str, object]:
    """Its settings and sizes, for records."""
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    return {"parameters": sum(parts.values()), "parts": parts, "config": asdict(network.config)}
