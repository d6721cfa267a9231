"""VMAs: the video encoder and the music decoder together, with the heads of the contrastive objective."""

# B batch, F video frames, K codebooks, T token frames, V codes of a codebook, C context steps, D width

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.model.conditions import Conditions, Context
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.model.encoders import build_encoder
from vmas_pipeline.model.losses import music_features
from vmas_pipeline.model.music_decoder import MusicDecoder


@dataclass
class VMAsOutput:
    """What a training step needs."""

    logits: Tensor  # [B, K, T, V]
    video_steps: Tensor  # [B, C, P], projected video features
    music_steps: Tensor  # [B, T, P], projected music features, from the logits
    temperature: Tensor  # [1]

    @property
    def video(self) -> Tensor:
        """[B, P], the mean over time."""
        return self.video_steps.mean(1)

    @property
    def music(self) -> Tensor:
        """[B, P], the mean over time."""
        return self.music_steps.mean(1)


class VMAs(nn.Module):
    """Video to music.

    Args:
        config: sizes; see `model.config`.
        code_vectors: the codec's entries [K, V, code_width] (the matrix E of section 4.4), kept as a buffer; zeros
            when left out, to be filled by `load_state_dict`.

    Raises:
        ValueError: code vectors that do not fit the config.
    """

    code_vectors: Tensor

    def __init__(self, config: VMAsConfig, code_vectors: Tensor | None = None):
        super().__init__()
        self.config = config
        self.video_encoder = build_encoder(config.video)
        steps_per_context = config.token_rate / config.context_rate
        self.music_decoder = MusicDecoder.from_config(config.decoder, config.video.width, steps_per_context)
        self.video_projection = nn.Linear(config.video.width, config.projection_width)
        self.music_projection = nn.Linear(config.code_width, config.projection_width)
        self.log_temperature = nn.Parameter(torch.full((1,), math.log(0.07)))  # [1]: DeepSpeed takes no scalars
        shape = (config.decoder.codebooks, config.decoder.card, config.code_width)
        vectors = torch.zeros(shape) if code_vectors is None else code_vectors.detach().clone().float()
        if vectors.shape != shape:
            raise ValueError(f"code_vectors {list(vectors.shape)} must have the shape {list(shape)}: another codec?")
        self.register_buffer("code_vectors", vectors)

    def forward(self, conditions: Conditions, codes: Tensor) -> VMAsOutput:
        """Teacher forcing.

        Args:
            conditions: of B clips; a condition that is absent is hidden from the decoder, as classifier-free guidance
                needs in training, while the contrastive term still sees it.
            codes: int64 [B, K, T].
        """
        context = self.encode(conditions)
        logits = self.music_decoder(codes, context)
        return VMAsOutput(
            logits=logits,
            video_steps=self.video_projection(context.features),
            music_steps=self.music_projection(music_features(logits, self.code_vectors).to(context.features.dtype)),
            temperature=self.log_temperature.exp().clamp(min=0.01),
        )

    def encode(self, conditions: Conditions) -> Context:
        """What the decoder attends to."""
        frames = self.video_encoder.normalise(conditions.frames[:, :: self.config.frame_stride])
        features = self.video_encoder(frames.to(self.video_projection.weight.dtype))  # [B, C, D]
        return Context(features, conditions.has_video[:, None].expand(features.shape[:2]))

    @torch.inference_mode()
    def embed_video(self, conditions: Conditions) -> Tensor:
        """Unit vectors [B, P] of clips, for retrieval."""
        return functional.normalize(self.video_projection(self.encode(conditions).features.mean(1)), dim=-1)

    @torch.inference_mode()
    def embed_music(self, codes: Tensor) -> Tensor:
        """Unit vectors [B, P] of codes [B, K, T], for retrieval: what the decoder predicts of them without a video.

        With the true video the logits would carry it over to the music's side, and retrieval would be won by that.
        """
        nothing = Context.of(torch.zeros(len(codes), 1, self.config.video.width, device=codes.device)).absent()
        logits = self.music_decoder(codes, nothing)
        return functional.normalize(self.music_projection(music_features(logits, self.code_vectors).mean(1)), dim=-1)
