"""Trains Video2Music on chords, densities and loudness transcribed from the training split's recordings."""

# B clips, S seconds, V width of the video's features

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as config_dataclass
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.media import read_music, whole_folder
from vmas_pipeline.stand_ins import defer_compiler
from vmas_pipeline.systems.video2music.chords import END, Key, transcribe
from vmas_pipeline.systems.video2music.features import FEATURES, seconds_of
from vmas_pipeline.systems.video2music.network import Video2Music


@config_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Video2MusicConfig:
    """The networks and their training."""

    width: int = Field(default=64, ge=2)
    layers: int = Field(default=2, ge=1)
    """Of the encoder, and of the decoder."""
    heads: int = Field(default=4, ge=1)
    steps: int = Field(default=600, ge=1)
    batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    validate_every: int = Field(default=25, ge=1)
    """Steps between validations; the weights of the best are kept, of each of the two networks its own."""
    sample_rate: int = 16_000
    seed: int = Field(default=0, ge=0)

    @property
    def clips_seen(self) -> int:
        """By all steps together."""
        return self.steps * self.batch


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """A split."""

    video: Tensor  # float32 [B, S, V]
    chords: Tensor  # int64 [B, S + 1], with the end
    minor: Tensor  # float32 [B]
    levels: Tensor  # float32 [B, S, 2]
    keys: list[Key]
    frame_rate: float


def fit(config: Video2MusicConfig, features: Path, out: Path) -> dict[str, float]:
    """Train both networks, and write the model folder with the keys that its music may have.

    Returns:
        validation, the cross-entropy of the chords in nats, and the root mean square error of the loudness, of the
        weights that are kept.
    """
    defer_compiler()
    torch.manual_seed(config.seed)
    draw = np.random.default_rng(config.seed)
    train, held_out = (_transcribed(features / split, config.sample_rate) for split in ("train", "validation"))
    network = Video2Music(FEATURES, config.width, config.layers, config.heads, config.dropout)
    network.mean.copy_(train.video.mean(dim=(0, 1)))
    network.deviation.copy_(train.video.std(dim=(0, 1)).clamp_min(1e-3))
    optimiser = torch.optim.Adam(network.parameters(), config.learning_rate, (0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.steps + 1)
    best, kept = torch.full((2,), float("inf")), network.state_dict()
    with tqdm(range(1, config.steps + 1), desc="train video2music", unit="step") as bar:
        for step in bar:
            network.train()
            losses = _losses(network, train, torch.from_numpy(draw.permutation(len(train.video))[: config.batch]))
            optimiser.zero_grad()
            losses.sum().backward()
            optimiser.step()
            schedule.step()
            if step % config.validate_every == 0 or step == config.steps:
                found = _validate(network, held_out)
                bar.set_postfix(loss=f"{losses[0].item():.3f}", validation=f"{found[0]:.3f}")
                better = {_task(name) for name in network.state_dict() if found[_task(name)] < best[_task(name)]}
                kept = {n: v.clone() if _task(n) in better else kept[n] for n, v in network.state_dict().items()}
                best = torch.minimum(best, found)
    network.load_state_dict(kept)
    _write(network, config, train, best, out)
    return {"validation": float(best[0]), "loudness_rmse": float(_loudness_error(network, held_out))}


def _task(name: str) -> int:
    """Whether a weight is of the chords, 0, or of the regression, 1."""
    return int(name.startswith(("recurrent", "levels_exit")))


def _losses(network: Video2Music, clips: Clips, chosen: Tensor) -> Tensor:
    """Cross-entropy of the chords, and mean square error of density and loudness, [2]."""
    video, chords = clips.video[chosen], clips.chords[chosen]
    logits = network.logits(video, chords[:, :-1], clips.minor[chosen])
    wanted = functional.cross_entropy(logits.flatten(0, 1), chords[:, 1:].flatten())
    return torch.stack([wanted, functional.mse_loss(network.levels(video), clips.levels[chosen])])


@torch.inference_mode()
def _validate(network: Video2Music, held_out: Clips) -> Tensor:
    return _losses(network.eval(), held_out, torch.arange(len(held_out.video)))


@torch.inference_mode()
def _loudness_error(network: Video2Music, held_out: Clips) -> Tensor:
    return (network.eval().levels(held_out.video) - held_out.levels)[..., 1].square().mean().sqrt()


def _write(network: Video2Music, config: Video2MusicConfig, train: Clips, best: Tensor, out: Path) -> None:
    keys = Counter((key.tonic, key.minor) for key in train.keys)
    with whole_folder(out) as folder:
        save_file(network.state_dict(), folder / "model.safetensors")
        about = {"config": asdict(config), "frame_rate": train.frame_rate, "validation": best.tolist()}
        about["seconds"] = train.video.shape[1]
        about |= {"keys": [[*key, count] for key, count in sorted(keys.items())]}
        (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n")


def _transcribed(split: Path, sample_rate: int) -> Clips:
    """Of all clips of a split, what is seen and what is heard."""
    index = read_index(split)
    video, transcriptions = [], []
    for sample in tqdm(read_clips(split, index), total=len(index), desc=f"video2music: {split.name}", unit="clip"):
        duration_s = float(sample.row["duration_s"])
        frame_rate = len(sample.frames) / duration_s
        video.append(torch.from_numpy(seconds_of(sample.frames, frame_rate)))
        transcriptions.append(transcribe(read_music(sample.row, sample_rate, duration_s), sample_rate, sample.onsets_s))
    chords = [torch.tensor([*each.chords, END]) for each in transcriptions]
    levels = [torch.from_numpy(np.stack([each.density, each.loudness], axis=1)) for each in transcriptions]
    minor = torch.tensor([float(each.key.minor) for each in transcriptions])
    return Clips(
        video=torch.stack(video),
        chords=torch.stack(chords),
        minor=minor,
        levels=torch.stack(levels),
        keys=[each.key for each in transcriptions],
        frame_rate=frame_rate,
    )
