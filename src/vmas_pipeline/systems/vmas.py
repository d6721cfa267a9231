"""Our model as a system."""

# B clips, N samples of a clip, D width of an embedding

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from vmas_pipeline.conditioning import conditions_of_samples
from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Generator, Music, clip_seed
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.versioning import content_hash


class VMAsSystem:
    """A trained model with its codec."""

    name = "vmas"

    def __init__(self, generator: Generator, revision: str) -> None:
        self.generator = generator
        self.revision = revision
        self.clip: ClipSpec | None = generator.clip
        self.sample_rate = generator.codec.sample_rate

    @classmethod
    def load(cls, source: Path, int8: bool = False, sampling: Mapping[str, Any] | None = None) -> Self:
        """Load from a model folder.

        Args:
            source: the folder.
            int8: generate on the CPU with 8-bit weights.
            sampling: settings of `SamplingConfig` that differ from the model's own.
        """
        generator = Generator.load(source, int8=int8).with_sampling(**(sampling or {}))
        changes = ("-int8" if int8 else "") + "".join(f"-{name}={value}" for name, value in (sampling or {}).items())
        return cls(generator, content_hash(source) + changes)

    def about(self) -> dict[str, Any]:
        """Sizes, sampling and training settings."""
        model, codec = self.generator.model, self.generator.codec
        return {
            "parameters": sum(weights.numel() for weights in model.parameters()),
            "encoder_multiply_adds": model.video_encoder.multiply_adds(),
            "codec": {"codebooks": codec.codebooks, "card": codec.card, "tokens_per_second": codec.frame_rate},
            "sampling": asdict(self.generator.sampling),
            "model": model.config.to_dict(),
            "training": self.generator.training,
        }

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Music of a video's length, or only for its first `seconds`."""
        return self.generator.generate(video, seed=seed, seconds=seconds)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Music for a batch of clips, float32 [B, N]."""
        conditions = conditions_of_samples(samples, self.generator.model.config)
        return self.generator.generate_clips(conditions, [clip_seed(seed, sample.clip_id) for sample in samples])

    def embed(self, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings from the contrastive heads of videos and their true music, both float32 [B, D]."""
        model, generator = self.generator.model, self.generator
        conditions = conditions_of_samples(samples, model.config).map(lambda tensor: tensor.to(generator.device))
        codes = torch.from_numpy(np.stack([sample.codes for sample in samples])).long().to(generator.device)
        with torch.inference_mode():
            video, music = model.embed_video(conditions), model.embed_music(codes)
        return video.cpu().numpy(), music.cpu().numpy()
