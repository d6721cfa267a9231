"""MVPt (Suris et al. 2022, "It's Time for Artistic Correspondence in Music and Video"): retrieval, no generation.

A transformer for each modality over the features of segments, trained by InfoNCE in both directions; a video gets the
training track that lies nearest. No code or weights are published. In place of CLIP's and DeepSim's features, which
are trained elsewhere, small ones are drawn here: coarse colours with their changes, and mel bands.
"""

# B clips, F frames, S segments, D width of a segment's features, E width of the shared space, M tracks

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from vmas_pipeline.audio.mel import LogMel
from vmas_pipeline.features.resize import resize_frames
from vmas_pipeline.features.shards import Sample, read_clips, read_index
from vmas_pipeline.media import read_music, whole_folder
from vmas_pipeline.model.losses import contrastive_loss
from vmas_pipeline.stand_ins import defer_compiler
from vmas_pipeline.systems.tracks import PICTURE, TracksSystem
from vmas_pipeline.versioning import content_hash

SEGMENTS = 10
BANDS = 64


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class MVPtConfig:
    """The network and its training."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    steps: int = Field(default=400, ge=1)
    batch: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=0.07, gt=0)
    validate_every: int = Field(default=20, ge=1)
    """Steps between validations; the weights of the best are kept."""
    sample_rate: int = 16_000
    seed: int = Field(default=0, ge=0)

    @property
    def clips_seen(self) -> int:
        """By all steps together."""
        return self.steps * self.batch


class Tower(nn.Module):
    """One modality: features of segments to a unit vector."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, config: MVPtConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.entry = nn.Linear(features, config.width)
        self.positions = nn.Parameter(torch.zeros(SEGMENTS, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.exit = nn.Linear(config.width, config.width)

    def forward(self, segments: Tensor) -> Tensor:
        """segments [B, S, D] -> unit vectors [B, E]."""
        hidden = self.entry((segments - self.mean) / self.deviation) + self.positions
        return functional.normalize(self.exit(self.layers(hidden).mean(dim=1)), dim=-1)


class MVPt(nn.Module):
    """Both towers."""

    def __init__(self, config: MVPtConfig) -> None:
        super().__init__()
        self.video = Tower(2 * 3 * PICTURE**2, config)
        self.music = Tower(2 * BANDS, config)


def fit(config: MVPtConfig, features: Path, out: Path) -> dict[str, float]:
    """Train on the training split, and write the model folder with the embeddings of all training tracks.

    Returns:
        validation, the loss of the weights that are kept, in nats.
    """
    defer_compiler()
    torch.manual_seed(config.seed)
    network, draw = MVPt(config), np.random.default_rng(config.seed)
    train, held_out = (_segments(features / split, config.sample_rate) for split in ("train", "validation"))
    for tower, segments in zip((network.video, network.music), train, strict=True):
        tower.mean.copy_(segments.mean(dim=(0, 1)))
        tower.deviation.copy_(segments.std(dim=(0, 1)).clamp_min(1e-3))
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.steps)
    best, kept = float("inf"), network.state_dict()
    with tqdm(range(1, config.steps + 1), desc="train mvpt", unit="step") as bar:
        for step in bar:
            chosen = torch.from_numpy(draw.permutation(len(train[0]))[: config.batch])
            network.train()
            video, music = network.video(train[0][chosen]), network.music(train[1][chosen])
            loss = contrastive_loss(video, music, config.temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % config.validate_every == 0 or step == config.steps:
                found = _validate(network, held_out, config.temperature)
                bar.set_postfix(loss=f"{loss.item():.3f}", validation=f"{found:.3f}")
                if found < best:
                    best, kept = found, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    network.eval()
    with whole_folder(out) as folder, torch.inference_mode():
        save_file({**network.state_dict(), "tracks": network.music(train[1])}, folder / "model.safetensors")
        about = {"config": asdict(config), "features": str(features.resolve()), "validation": best}
        (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n")
    return {"validation": best}


class MVPtSystem(TracksSystem):
    """A trained model and the tracks that it chooses from."""

    name = "mvpt"
    rule = "the nearest training track in the space of MVPt"
    looked_at = 40

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "config.json").read_text())
        config = MVPtConfig(**about["config"])
        super().__init__(Path(about["features"]), config.sample_rate)
        weights = load_file(folder / "model.safetensors")
        self.tracks = weights.pop("tracks")  # [M, E]
        self.network = MVPt(config).eval()
        self.network.load_state_dict(weights)
        self.config, self.revision = config, content_hash(folder)

    @classmethod
    def load(cls, source: Path) -> Self:  # type: ignore[override]  # the sample rate is the model's
        """Load from the folder that `fit` wrote.

        Raises:
            ValueError: it is none.
        """
        if not (source / "config.json").is_file() or not (source / "model.safetensors").is_file():
            raise ValueError(f"{source} is no model of MVPt: train it as a variant of the comparison")
        return cls(source)

    def about(self) -> dict[str, Any]:
        """What it does, its size and settings."""
        parameters = sum(weights.numel() for weights in self.network.parameters())
        return {**super().about(), "parameters": parameters, "config": asdict(self.config)}

    @torch.inference_mode()
    def choose(self, frames: np.ndarray, seed: int, own: str) -> int:
        """The highest cosine among tracks of other sources."""
        return self.most_alike((self.network.video(video_segments(frames)[None]) @ self.tracks.T)[0].numpy(), own)

    @torch.inference_mode()
    def embed(self, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the clips' videos and of their true music, both float32 [B, E]."""
        extract = music_feature_extractor(self.sample_rate)
        video = torch.stack([video_segments(sample.frames) for sample in samples])
        music = torch.stack(
            [extract(read_music(sample.row, self.sample_rate, sample.row["duration_s"])) for sample in samples]
        )
        return self.network.video(video).numpy(), self.network.music(music).numpy()


def video_segments(frames: np.ndarray, segments: int = SEGMENTS) -> Tensor:
    """Mean coarse colours of each segment, and how much they change: uint8 [F, H, H, 3] -> float32 [S, D]."""
    coarse = torch.from_numpy(resize_frames(frames, PICTURE)).float().flatten(1) / 255  # [F, P * P * 3]
    change = functional.pad((coarse[1:] - coarse[:-1]).abs(), (0, 0, 1, 0))
    return functional.adaptive_avg_pool1d(torch.cat([coarse, change], dim=1).T, segments).T


def music_feature_extractor(sample_rate: int) -> Callable[[np.ndarray], Tensor]:
    """A function from a waveform [N] to the mean and the rise of each mel band in each segment, float32 [S, D]."""
    log_mel = LogMel(sample_rate, 1024, BANDS)

    def listen(waveform: np.ndarray) -> Tensor:
        bands = log_mel(torch.from_numpy(waveform)[None])[0]  # [bands, frames]
        rise = functional.pad((bands[:, 1:] - bands[:, :-1]).clamp_min(0), (1, 0))
        return functional.adaptive_avg_pool1d(torch.cat([bands, rise]), SEGMENTS).T

    return listen


def _segments(split: Path, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Of all clips of a split, video and music, float32 [B, S, D] each."""
    extract, index = music_feature_extractor(sample_rate), read_index(split)
    video, music = [], []
    for sample in tqdm(read_clips(split, index), total=len(index), desc=f"mvpt: {split.name}", unit="clip"):
        video.append(video_segments(sample.frames))
        music.append(extract(read_music(sample.row, sample_rate, sample.row["duration_s"])))
    return torch.stack(video), torch.stack(music)


@torch.inference_mode()
def _validate(network: MVPt, held_out: tuple[Tensor, Tensor], temperature: float) -> float:
    network.eval()
    return float(contrastive_loss(network.video(held_out[0]), network.music(held_out[1]), temperature))
