"""The true music through the codec: an upper bound for music generated from its tokens."""

# B clips, N samples of a clip

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, read_audio
from vmas_pipeline.versioning import content_hash


class CodecSystem:
    """Returns the video's own music, encoded and decoded."""

    name = "codec"

    def __init__(self, codec: AudioCodec, revision: str) -> None:
        self.codec = codec
        self.revision = revision
        self.clip: ClipSpec | None = None
        self.sample_rate = codec.sample_rate

    @classmethod
    def load(cls, source: Path) -> Self:
        """Load from a codec's folder."""
        return cls(load_codec(source), content_hash(source))

    def about(self) -> dict[str, Any]:
        """The codec's token format."""
        return {
            "codebooks": self.codec.codebooks,
            "card": self.codec.card,
            "tokens_per_second": self.codec.frame_rate,
        }

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """The video's own audio, encoded and decoded."""
        sound = torch.from_numpy(read_audio(video, sample_rate=self.sample_rate, duration_s=seconds))[:, None]
        waveform = decode_in_chunks(self.codec, self.codec.encode(sound))[0, :, : sound.shape[-1]]
        return Music(waveform=waveform, sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """The clips' tokens decoded, float32 [B, N]."""
        codes = torch.from_numpy(np.stack([sample.codes for sample in samples])).long()
        return decode_in_chunks(self.codec, codes)[:, 0]
