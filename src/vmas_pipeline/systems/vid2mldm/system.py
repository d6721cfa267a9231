"""Vid2MLDM as a system."""

# B clips, N samples of a clip, t latents in time

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music, clip_seed
from vmas_pipeline.inference.windows import windows
from vmas_pipeline.media import ClipSpec, measure, read_frames
from vmas_pipeline.systems.vid2mldm.network import Vid2MLDM, described, load
from vmas_pipeline.versioning import content_hash

OVERLAP = 0.5
"""Fraction of a window that overlaps music already generated, for videos longer than the training's clips."""


class Vid2MLDMSystem:
    """A trained model with its sampler."""

    name = "vid2mldm"

    def __init__(
        self, network: Vid2MLDM, clip_s: float, frame_rate: float, steps: int, guidance: float, revision: str
    ) -> None:
        self.network = network
        self.clip_s, self.frame_rate = clip_s, frame_rate  # of the training's clips and their frames
        self.steps, self.guidance = steps, guidance
        self.clip: ClipSpec | None = None
        self.sample_rate = network.config.mel.sample_rate
        self.revision = revision

    @classmethod
    def load(cls, source: Path, steps: int = 15, guidance: float = 3.0) -> Self:
        """Load from the folder that `fit` wrote.

        Args:
            source: the folder.
            steps: of the solver.
            guidance: 0 ignores the video, 1 is none, above 1 follows it more closely.

        Raises:
            ValueError: it is no such folder, or steps or guidance are out of range.
        """
        if steps < 1 or guidance < 0:
            raise ValueError(f"steps ({steps}) must be 1 or more, guidance ({guidance}) 0 or more")
        network, clips = load(source)
        revision = f"{content_hash(source)}-{steps}-{guidance:g}"
        return cls(network, clips["clip_s"], clips["frame_rate"], steps, guidance, revision)

    def about(self) -> dict[str, Any]:
        """Its sampling, sizes and settings."""
        return {"sampling": {"steps": self.steps, "guidance": self.guidance}, **described(self.network)}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Music of any length: windows of a clip's length, each of which continues what is there."""
        duration_s = min(measure(video).duration_s, seconds or math.inf)
        config = self.network.config
        rate = config.mel.frame_rate / config.shrinks  # latents a second
        window = math.floor(self.clip_s * rate)
        parts, latents = [], self._noise([seed], 0)
        planned = list(windows(math.ceil(duration_s * rate), window, OVERLAP))
        shown = tqdm(planned, desc="music", unit="window", disable=None, leave=False)
        for number, (start, done, end) in enumerate(shown):
            frames = read_frames(
                video,
                frame_rate=self.frame_rate,
                size=64,
                start_s=start / rate,
                frames=round(self.clip_s * self.frame_rate),
            )
            known = latents[:, :, start:done] if done else None
            noise = self._noise([clip_seed(seed, str(number))], config.latents(self.clip_s))
            made = self._sample([frames], noise, known)
            latents = torch.cat([latents, made[:, :, done - start : end - start]], dim=2)
            shrinks = config.shrinks
            parts.append(self._mel(made)[:, (done - start) * shrinks : (end - start) * shrinks])
        waveform = self.network.sound(torch.cat(parts, dim=1))[:, : round(duration_s * self.sample_rate)]
        return Music(waveform=waveform, sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Music for a batch of clips, float32 [B, N]."""
        seconds = float(samples[0].row["duration_s"])
        noise = self._noise([clip_seed(seed, s.clip_id) for s in samples], self.network.config.latents(seconds))
        mel = self._mel(self._sample([sample.frames for sample in samples], noise, None))
        return self.network.sound(mel)[:, : round(seconds * self.sample_rate)]

    def _noise(self, seeds: Sequence[int], latents: int) -> Tensor:
        return self.network.noise(seeds, latents)

    def _sample(self, videos: Sequence[np.ndarray], noise: Tensor, known: Tensor | None) -> Tensor:
        segments = self.network.segments(videos)
        return self.network.diffusion.sample(segments, noise, self.steps, self.guidance, known)

    def _mel(self, latents: Tensor) -> Tensor:
        return self.network.spectrograms(latents / self.network.scale)
