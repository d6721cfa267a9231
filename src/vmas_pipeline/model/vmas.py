"""VMAs: the video encoder and the music decoder, with the heads of the contrastive objective."""

# B batch, F video frames, K codebooks, T token frames, V codes of a codebook, C context steps, D width

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.model.conditions import Conditions, Context
from vmas_pipeline.model.config import VMAsConfig
from vmas_pipeline.model.curve_encoder import CurveEncoder
from vmas_pipeline.model.encoders import build_encoder
from vmas_pipeline.model.losses import music_features
from vmas_pipeline.model.music_decoder import MusicDecoder

_LOG_TEMPERATURE = math.log(0.07)
"""Where the contrastive temperature starts. The change from here is what is learned, so that weight decay, which some
optimisers apply to all weights, leads back here and not to a temperature of 1."""


@dataclass
class VMAsOutput:
    """Outputs used by a training step."""

    logits: Tensor  # [B, K, T, V]
    video_steps: Tensor  # [B, C, P], projected features of the conditions
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
        code_vectors: the codec's entries [K, V, code_width] (the matrix E of section 4.4), kept as a buffer; zeros by
            default, to be filled by `load_state_dict`.

    Raises:
        ValueError: code vectors that do not match the config.
    """

    code_vectors: Tensor

    def __init__(self, config: VMAsConfig, code_vectors: Tensor | None = None):
        super().__init__()
        self.config = config
        self.video_encoder = build_encoder(config.video)
        steps_per_context = config.token_rate / config.context_rate
        self.music_decoder = MusicDecoder.from_config(
            config.decoder, config.video.width, steps_per_context, config.context_offset
        )
        self.curve_encoders = nn.ModuleDict(
            {
                name: CurveEncoder(curves, config.video.width, config.context_stride)
                for name, curves in config.curves.items()
            }
        )
        self.video_projection = nn.Linear(config.video.width, config.projection_width)
        self.music_projection = nn.Linear(config.code_width, config.projection_width)
        self.log_temperature_change = nn.Parameter(torch.zeros(1))  # [1]: DeepSpeed takes no scalars
        self.register_load_state_dict_pre_hook(_take_log_temperature)
        shape = (config.decoder.codebooks, config.decoder.card, config.code_width)
        vectors = torch.zeros(shape) if code_vectors is None else code_vectors.detach().clone().float()
        if vectors.shape != shape:
            raise ValueError(f"code_vectors {list(vectors.shape)} must have the shape {list(shape)}: another codec?")
        self.register_buffer("code_vectors", vectors)

    def forward(self, conditions: Conditions, codes: Tensor) -> VMAsOutput:
        """Teacher forcing.

        Args:
            conditions: of B clips; an absent condition is hidden from the decoder (for classifier-free guidance) but
                not from the contrastive term.
            codes: int64 [B, K, T].
        """
        dtype, features = self.music_projection.weight.dtype, self._features(conditions)
        logits = self.music_decoder(codes, self._context(features, conditions))
        return VMAsOutput(
            logits=logits,
            video_steps=self.video_projection(_sum(features)),
            music_steps=self.music_projection(music_features(logits, self.code_vectors).to(dtype)),
            temperature=(_LOG_TEMPERATURE + self.log_temperature_change).exp().clamp(min=0.01),
        )

    def encode(self, conditions: Conditions) -> Context:
        """What the decoder attends to: the sum of the given conditions' features on one timeline."""
        return self._context(self._features(conditions), conditions)

    def _features(self, conditions: Conditions) -> dict[str, Tensor]:
        """Features of each condition, [B, C, D], whether or not it was given."""
        dtype = self.video_projection.weight.dtype
        frames = self.video_encoder.normalise(conditions.frames[:, :: self.config.frame_stride])
        video = self.video_encoder(frames.to(dtype))
        if self.config.pool_video:
            video = video.mean(1, keepdim=True).expand(-1, self.config.frames_per_clip, -1)
        features = {"video": video}
        for name, encoder in self.curve_encoders.items():
            if name in conditions.curves:
                features[name] = encoder(conditions.curves[name].to(dtype))
        return features

    def _context(self, features: dict[str, Tensor], conditions: Conditions) -> Context:
        masks = {"video": conditions.has_video, **conditions.has_curves}
        given = torch.stack([masks[name] for name in features]).any(0)  # [B]
        if len(features) > 1:
            features = {name: torch.where(masks[name][:, None, None], f, 0.0) for name, f in features.items()}
        total = _sum(features)
        return Context(total, given[:, None].expand(total.shape[:2]))

    @torch.inference_mode()
    def embed_video(self, conditions: Conditions) -> Tensor:
        """Unit vectors [B, P] of clips, for retrieval."""
        return functional.normalize(self.video_projection(_sum(self._features(conditions)).mean(1)), dim=-1)

    @torch.inference_mode()
    def embed_music(self, codes: Tensor) -> Tensor:
        """Unit vectors [B, P] of codes [B, K, T], for retrieval, from the decoder's prediction without a video.

        With the true video the logits would leak it to the music side and make retrieval trivial.
        """
        nothing = Context.of(torch.zeros(len(codes), 1, self.config.video.width, device=codes.device)).absent()
        logits = self.music_decoder(codes, nothing)
        return functional.normalize(self.music_projection(music_features(logits, self.code_vectors).mean(1)), dim=-1)


def _sum(features: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(features.values())).sum(0) if len(features) > 1 else next(iter(features.values()))


def _take_log_temperature(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Reads weights of earlier versions, which learned the temperature's logarithm itself."""
    earlier = state.pop(f"{prefix}log_temperature", None)
    if earlier is not None:
        state[f"{prefix}log_temperature_change"] = earlier - _LOG_TEMPERATURE
