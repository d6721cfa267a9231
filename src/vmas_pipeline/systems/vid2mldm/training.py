"""Training of Vid2MLDM: the autoencoder, the vocoder on what it decodes, the diffusion on what it encodes."""

# B clips, N samples, T frames, M mel bands, C latent channels, t and m latents in time and frequency, S segments

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.codec.losses import CodecLosses
from vmas_pipeline.codec.optimisation import optimisers
from vmas_pipeline.features.shards import Folder, read_clips, read_index
from vmas_pipeline.media import read_music, whole_file, whole_folder
from vmas_pipeline.systems.vid2mldm.checkpointed import Stage, run
from vmas_pipeline.systems.vid2mldm.config import Vid2MLDMConfig
from vmas_pipeline.systems.vid2mldm.network import Vid2MLDM
from vmas_pipeline.versioning import code_version, content_hash

PARTIALS_WEIGHT, FLICKER_WEIGHT = 30.0, 3.0
"""Of the vocoder's losses beside that of the mel spectra, as the codec's training has them."""
AT_ONCE = 16
"""Clips encoded or decoded together."""
VALIDATED_TIMES = (100, 300, 500, 700, 900)
"""Timesteps at which the validation loss is measured."""


@dataclass(frozen=True, kw_only=True)
class Clips:
    """A split in memory."""

    waveforms: Tensor  # float32 [B, N]
    segments: Tensor  # float32 [B, S, D]
    clip_s: float
    frame_rate: float


def fit(config: Vid2MLDMConfig, features: Path, out: Path) -> dict[str, float]:
    """Train on the training split, and write the model folder.

    Returns:
        validation: the diffusion's weighted error of v on the validation split.
    """
    torch.manual_seed(config.seed)
    network = Vid2MLDM(config).to("cuda" if torch.cuda.is_available() else "cpu")
    train, held_out = (_read(network, features / split) for split in ("train", "validation"))
    work = _work_folder(config, features, out)
    losses = {"autoencoder": _fit_autoencoder(network, train, work)}
    latents = _encoded(network, train)
    losses["vocoder"] = _fit_vocoder(network, train, latents, work)
    network.scale.copy_(1 / latents.std())
    losses["diffusion"] = _fit_diffusion(network, train, latents * network.scale, work)
    losses["validation"] = _validate(network, held_out)
    with whole_folder(out) as folder:
        weights = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        about = {"config": asdict(config), "clip_s": train.clip_s, "frame_rate": train.frame_rate, "losses": losses}
        (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n")
    shutil.rmtree(work)
    return {"validation": losses["validation"]}


def _work_folder(config: Vid2MLDMConfig, features: Path, out: Path) -> Path:
    """Where an interrupted training of the same settings, clips and code is found again; others are removed."""
    data = [content_hash(features / split / "index.parquet") for split in ("train", "validation")]
    key = json.dumps([asdict(config), data, code_version(__name__)], sort_keys=True)
    work = out.with_name(f"{out.name}-checkpoints")
    if not (work / "key.json").is_file() or (work / "key.json").read_text() != key:
        shutil.rmtree(work, ignore_errors=True)
        with whole_file(work / "key.json") as temporary:
            temporary.write_text(key)
    return work


def _read(network: Vid2MLDM, split: Folder) -> Clips:
    index = read_index(split)
    index = index.iloc[np.unique(np.linspace(0, len(index) - 1, network.config.train_clips).round().astype(int))]
    waveforms, segments, rate, frame_rate = [], [], network.config.mel.sample_rate, 0.0
    clip_s = float(index["duration_s"].max())
    for sample in tqdm(read_clips(split, index), total=len(index), desc=f"vid2mldm: {split.name}", unit="clip"):
        waveforms.append(torch.from_numpy(read_music(sample.row, rate, clip_s)))
        segments.append(network.segments([sample.frames])[0])
        frame_rate = len(sample.frames) / clip_s
    return Clips(
        waveforms=torch.stack(waveforms).to(network.device),
        segments=torch.stack(segments),
        clip_s=clip_s,
        frame_rate=frame_rate,
    )


def _stage(network: Vid2MLDM, name: str, optimisers: list[torch.optim.Optimizer], steps: int, work: Path) -> Stage:
    return Stage(
        name=name,
        network=network.get_submodule(name),
        optimisers=optimisers,
        steps=steps,
        file=work / f"{name}.pt",
        every=network.config.checkpoint_every,
        seed=network.config.seed,
    )


def _fit_autoencoder(network: Vid2MLDM, clips: Clips, work: Path) -> float:
    """Mean absolute error on crops, and a little divergence from the normal distribution."""
    config = network.config.autoencoder
    crop = config.crop_frames

    def loss_of(random: np.random.Generator) -> Tensor:
        waveforms = _crops(network, clips, config.batch, crop, random)
        mel = network.mel(waveforms, crop)[:, None]
        posterior: Any = network.autoencoder.encode(mel).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=_generator(random)).to(network.device)
        decoded: Any = network.autoencoder.decode(posterior.mean + posterior.std * noise)
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        return (decoded.sample - mel).abs().mean() + config.kl_weight * divergence

    optimiser = torch.optim.AdamW(network.autoencoder.parameters(), config.learning_rate)
    return run(_stage(network, "autoencoder", [optimiser], config.steps, work), loss_of)


def _fit_vocoder(network: Vid2MLDM, clips: Clips, latents: Tensor, work: Path) -> float:
    """The codec's losses, on spectrograms as the autoencoder decodes them: the vocoder hears no others later."""
    config, vocoder = network.config.vocoder, network.vocoder
    compare, hop, frames = CodecLosses(vocoder), network.config.mel.hop, round(config.crop_s * vocoder.frame_rate)
    mel = torch.cat([network.spectrograms(part) for part in latents.split(AT_ONCE)]).half()  # [B, T, M]

    def loss_of(random: np.random.Generator) -> Tensor:
        rows = random.integers(len(mel), size=config.batch)
        starts = random.integers(clips.waveforms.shape[1] // hop - frames + 1, size=config.batch)
        spots = list(zip(rows, starts, strict=True))
        heard = torch.stack([clips.waveforms[row, at * hop : (at + frames) * hop] for row, at in spots])
        seen = torch.stack([mel[row, at : at + frames] for row, at in spots]).float()
        levels = vocoder.levels(seen.transpose(1, 2))
        losses = compare(levels, heard, vocoder.analysis.partials(heard), random)
        return losses["mel_l1"] + PARTIALS_WEIGHT * losses["partials_mse"] + FLICKER_WEIGHT * losses["flicker_l1"]

    return run(_stage(network, "vocoder", optimisers(vocoder, config), config.steps, work), loss_of)


def _fit_diffusion(network: Vid2MLDM, clips: Clips, latents: Tensor, work: Path) -> float:
    """Noise, timesteps and dropped videos drawn anew at every step."""
    config, diffusion = network.config.diffusion, network.diffusion
    diffusion.context.mean.copy_(clips.segments.mean(dim=(0, 1)))
    diffusion.context.deviation.copy_(clips.segments.std(dim=(0, 1)).clamp_min(1e-3))

    def loss_of(random: np.random.Generator) -> Tensor:
        rows = torch.from_numpy(random.integers(len(latents), size=config.batch)).to(network.device)
        noise = torch.randn(latents[rows].shape, generator=_generator(random)).to(network.device)
        times = torch.from_numpy(random.integers(len(diffusion.schedule.betas), size=config.batch)).to(network.device)
        dropped = torch.from_numpy(random.random(config.batch) < config.unconditional).to(network.device)
        return diffusion.loss(latents[rows], clips.segments[rows], noise, times, dropped)

    optimiser = torch.optim.AdamW(diffusion.parameters(), config.learning_rate)
    return run(_stage(network, "diffusion", [optimiser], config.steps, work), loss_of)


@torch.inference_mode()
def _validate(network: Vid2MLDM, held_out: Clips) -> float:
    """The diffusion's loss on held-out clips with fixed noise, over `VALIDATED_TIMES`."""
    latents = _encoded(network, held_out) * network.scale
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(network.device)
    found = []
    for time in VALIDATED_TIMES:
        for part in torch.arange(len(latents), device=network.device).split(AT_ONCE):
            times, dropped = torch.full_like(part, time), torch.zeros_like(part, dtype=torch.bool)
            loss = network.diffusion.loss(latents[part], held_out.segments[part], noise[part], times, dropped)
            found.append(loss.item() * len(part) / len(latents))
    return sum(found) / len(VALIDATED_TIMES)


def _encoded(network: Vid2MLDM, clips: Clips) -> Tensor:
    """Latents of whole clips, not scaled, [B, C, t, m]."""
    frames = network.config.latents(clips.clip_s) * network.config.shrinks
    return torch.cat([network.encode(network.mel(part, frames)) for part in clips.waveforms.split(AT_ONCE)])


def _crops(network: Vid2MLDM, clips: Clips, count: int, frames: int, random: np.random.Generator) -> Tensor:
    """Random parts of random clips, [count, frames * hop]."""
    length = frames * network.config.mel.hop
    rows = random.integers(len(clips.waveforms), size=count)
    starts = random.integers(clips.waveforms.shape[1] - length + 1, size=count)
    return torch.stack([clips.waveforms[row, at : at + length] for row, at in zip(rows, starts, strict=True)])


def _generator(random: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(random.integers(2**63)))
