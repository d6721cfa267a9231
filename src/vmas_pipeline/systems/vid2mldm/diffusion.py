"""The diffusion model: a U-Net over latents that attends to a video's features.

Noise schedule and v-prediction as Stable Diffusion 2.1 has them, from which Tango takes its scheduler (Ghosal et al.
2023, arXiv 2304.13731); weights by min-SNR (Hang et al. 2023, arXiv 2303.09556); guidance without a classifier (Ho and
Salimans 2022); sampled by DPM-Solver++ (Lu et al. 2022), which takes a tenth of DDPM's steps.
"""

# B clips, C latent channels, t and m latents in time and frequency, S segments, D their features, E context width

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vmas_pipeline.systems.vid2mldm.config import DiffusionConfig

if TYPE_CHECKING:
    from diffusers import DDPMScheduler, UNet2DConditionModel

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
}
"""Of Stable Diffusion 2.1, by its constants: the files that Tango reads it from are no longer published."""


def noise_schedule() -> "DDPMScheduler":
    """The schedule of the training."""
    from diffusers import DDPMScheduler

    return DDPMScheduler(**SCHEDULE)


def min_snr_weights(alphas_cumprod: Tensor, gamma: float) -> Tensor:
    """Weights of the squared error of v at each timestep: min(SNR, gamma) / (SNR + 1), SNR = a / (1 - a)."""
    ratio = alphas_cumprod / (1 - alphas_cumprod)
    return ratio.clamp_max(gamma) / (ratio + 1)


class VideoContext(nn.Module):
    """A video's segments, or its absence, as the context that the U-Net attends to.

    Args:
        segments: S.
        features: D, of a segment; they are frozen, and standardised by `mean` and `deviation`.
        width: E.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, segments: int, features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.entry = nn.Linear(features, width)
        self.positions = nn.Parameter(0.02 * torch.randn(segments, width))
        self.nothing = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, segments: Tensor) -> Tensor:
        """[B, S, D] -> [B, S, E]."""
        return self.entry((segments - self.mean) / self.deviation) + self.positions

    def without(self, batch: int) -> Tensor:
        """In place of a video, [B, S, E]."""
        return (self.nothing + self.positions).expand(batch, -1, -1)


class Diffusion(nn.Module):
    """The U-Net with its context.

    Args:
        channels: C.
        segments: S.
        features: D.
    """

    def __init__(self, config: DiffusionConfig, channels: int, segments: int, features: int) -> None:
        super().__init__()
        self.config = config
        self.context = VideoContext(segments, features, config.context_width)
        self.unet = _unet(config, channels)
        self.schedule = noise_schedule()

    def loss(self, latents: Tensor, segments: Tensor, noise: Tensor, times: Tensor, dropped: Tensor) -> Tensor:
        """Weighted mean squared error of v.

        Args:
            latents: scaled to a deviation of one, [B, C, t, m].
            segments: of the videos, [B, S, D].
            noise: standard normal, like `latents`.
            times: timesteps, int64 [B].
            dropped: whose video is left out, bool [B].
        """
        context = torch.where(dropped[:, None, None], self.context.without(len(latents)), self.context(segments))
        noisy = self.schedule.add_noise(latents, noise, times)
        target = self.schedule.get_velocity(latents, noise, times)
        error = (self.unet(noisy, times, context).sample - target).square().mean(dim=(1, 2, 3))
        weights = min_snr_weights(self.schedule.alphas_cumprod, self.config.min_snr).to(times.device)
        return (weights[times] * error).mean()

    def predict(self, noisy: Tensor, time: Tensor, segments: Tensor, guidance: float) -> Tensor:
        """v, guided: that without the video, plus `guidance` times what the video changes.

        0 ignores the video, 1 is the conditional model; neither needs a second pass.
        """
        if guidance == 0:
            return self.unet(noisy, time, self.context.without(len(noisy))).sample
        context = self.context(segments)
        if guidance == 1:
            return self.unet(noisy, time, context).sample
        both = torch.cat([self.context.without(len(noisy)), context])
        without, with_video = self.unet(torch.cat([noisy, noisy]), time, both).sample.chunk(2)
        return without + guidance * (with_video - without)

    @torch.inference_mode()
    def sample(
        self, segments: Tensor, noise: Tensor, steps: int, guidance: float, known: Tensor | None = None
    ) -> Tensor:
        """Latents from noise.

        Args:
            segments: of the videos, [B, S, D].
            noise: standard normal [B, C, t, m]; the result depends on nothing else that is random.
            steps: of the solver.
            guidance: as for `predict`.
            known: the first latents in time, which are continued: [B, C, k, m].

        Returns:
            [B, C, t, m].
        """
        from diffusers import DPMSolverMultistepScheduler

        solver: Any = DPMSolverMultistepScheduler.from_config(self.schedule.config)
        solver.set_timesteps(steps, device=noise.device)
        latents = noise.clone()
        for time in solver.timesteps:
            if known is not None:
                fixed = self.schedule.add_noise(known, noise[:, :, : known.shape[2]], time[None])
                latents = torch.cat([fixed, latents[:, :, known.shape[2] :]], dim=2)
            latents = solver.step(self.predict(latents, time, segments, guidance), time, latents).prev_sample
        return latents if known is None else torch.cat([known, latents[:, :, known.shape[2] :]], dim=2)


def _unet(config: DiffusionConfig, channels: int) -> "UNet2DConditionModel":
    from diffusers import UNet2DConditionModel

    settings: dict[str, Any] = {
        "in_channels": channels,
        "out_channels": channels,
        "down_block_types": [("CrossAttnDownBlock2D" if yes else "DownBlock2D") for yes in config.attends],
        "up_block_types": [("CrossAttnUpBlock2D" if yes else "UpBlock2D") for yes in reversed(config.attends)],
        "block_out_channels": config.widths,
        "layers_per_block": config.layers,
        "cross_attention_dim": config.context_width,
        "attention_head_dim": config.heads,  # diffusers' name for the number of heads
        "norm_num_groups": config.groups,
    }
    return UNet2DConditionModel(**settings)
