"""Training of the small codec: spectral losses only, no discriminator."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.audio.mel import LogMel, mel_scales
from vmas_pipeline.codec.config import CodecConfig
from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.codec.reconstruction import measure, reconstruction_figure
from vmas_pipeline.codec.spectral import SpectralCodec
from vmas_pipeline.media import ClipSpec, MediaError, local, read_audio
from vmas_pipeline.registry import model_folder
from vmas_pipeline.tracking import RunLogger

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, dict[str, float]], None]

LOG_EVERY = 10  # steps
SAMPLES = 3  # clips logged for listening


def train_codec(
    config: CodecConfig, clip: ClipSpec, manifest: "pd.DataFrame", out: Path, logger: RunLogger | None
) -> dict[str, float]:
    """Train the small codec on the manifest's training split, or copy the pretrained one, and evaluate it.

    Args:
        manifest: rows of the curated clips; `audio_path`, `start_s` and `split` are read.
        out: folder for the codec, written after training.
        logger: receives losses by step, the metrics, a figure and audio samples; None logs nothing.

    Returns:
        The metrics of `Reconstruction` on held-out clips, by flat names.

    Raises:
        ValueError: a codec whose sample rate differs from the clips', or no readable clip in a split.
    """
    torch.set_num_threads(config.threads)
    codec: AudioCodec
    if config.pretrained:
        codec = _copy_pretrained(config.pretrained, config.bandwidth, clip, out)
    else:
        codec = _train_spectral(config, clip, manifest, out, logger)
    held_out = "validation" if (manifest["split"] == "validation").any() else "test"
    clips = torch.from_numpy(read_clips(manifest, held_out, config.eval_clips, clip))[:, None]  # [n, 1, N]
    metrics = measure(codec, clips).as_metrics()
    if logger:
        logger.metrics(metrics, step=config.steps)
        _log_samples(codec, clips[:SAMPLES], logger)
    return metrics


def _copy_pretrained(name: str, bandwidth: float | None, clip: ClipSpec, out: Path) -> AudioCodec:
    if name.startswith("models:"):
        name = str(model_folder(name) / "codec")
    codec = load_codec(name, bandwidth)
    _check_rate(codec.sample_rate, clip)
    shutil.rmtree(out, ignore_errors=True)  # leftover files of another kind of codec would be mistaken for it
    codec.save(out)
    return codec


def _train_spectral(
    config: CodecConfig, clip: ClipSpec, manifest: "pd.DataFrame", out: Path, logger: RunLogger | None
) -> SpectralCodec:
    _check_rate(config.model.sample_rate, clip)
    if config.crop_s > clip.duration_s:
        raise ValueError(
            f"codec crop_s ({config.crop_s}) exceeds clip.duration_s ({clip.duration_s}): lower codec.crop_s"
        )
    torch.manual_seed(config.seed)
    codec = SpectralCodec(config.model)
    if logger:
        logger.params({"codec": asdict(config), "codec_parameters": sum(p.numel() for p in codec.parameters())})
    clips = read_clips(manifest, "train", config.train_clips, clip)
    with _Meter(config.steps, logger) as meter:
        fit(codec, clips, config, meter)
    codec.requires_grad_(False).save(out)
    return codec


def _check_rate(sample_rate: int, clip: ClipSpec) -> None:
    if sample_rate != clip.sample_rate:
        raise ValueError(
            f"the codec's sample rate ({sample_rate}) must be that of the clips ({clip.sample_rate}): "
            "set codec.model.sample_rate, codec.pretrained or clip.sample_rate"
        )


def read_clips(manifest: "pd.DataFrame", split: str, most: int, clip: ClipSpec) -> np.ndarray:
    """Read waveforms of at most `most` clips of a split, evenly spread over its rows, float32 [n, N].

    Unreadable clips are left out; the features stage records them.

    Raises:
        ValueError: no readable clip.
    """
    rows = manifest[manifest["split"] == split]
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
    waveforms = []
    for path, start_s in rows.iloc[chosen][["audio_path", "start_s"]].itertuples(index=False, name=None):
        try:
            wave = read_audio(local(path), sample_rate=clip.sample_rate, start_s=start_s, duration_s=clip.duration_s)
        except MediaError:
            continue
        waveforms.append(wave[0])
    if not waveforms:
        raise ValueError(f"the manifest's split {split!r} has no readable clip ({len(rows)} rows): curate more videos")
    return np.stack(waveforms)


class _Meter:
    """Shows a progress bar, and logs the mean losses of every `LOG_EVERY` steps."""

    def __init__(self, steps: int, logger: RunLogger | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=steps, desc="codec", unit="step")
        self._logger = logger
        self._recent: dict[str, list[float]] = defaultdict(list)

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def __call__(self, step: int, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._recent[name].append(value)
        self._bar.update()
        if (step + 1) % LOG_EVERY == 0 or step + 1 == self._bar.total:
            means = {f"codec/train/{name}": float(np.mean(values)) for name, values in self._recent.items()}
            self._bar.set_postfix(mel=f"{means['codec/train/mel_l1']:.3f}")
            if self._logger:
                self._logger.metrics(means, step=step + 1)
            self._recent.clear()


def _log_samples(codec: AudioCodec, clips: Tensor, logger: RunLogger) -> None:
    """Log originals and reconstructions as audio, and their spectrograms with onsets as a figure."""
    decoded = codec.decode(codec.encode(clips))[..., : clips.shape[-1]]
    for number, (original, copy) in enumerate(zip(clips[:, 0].numpy(), decoded[:, 0].numpy(), strict=True)):
        logger.audio(f"codec/{number}-original", original, codec.sample_rate)
        logger.audio(f"codec/{number}-reconstruction", copy.clip(-1, 1), codec.sample_rate)
    logger.figure("codec-reconstruction", reconstruction_figure(clips[:, 0], decoded[:, 0], codec.sample_rate))


def fit(codec: SpectralCodec, clips: np.ndarray, config: CodecConfig, progress: Progress) -> None:
    """Train `codec` in place.

    Args:
        clips: float32 [n, N], training waveforms at the codec's sample rate.
        progress: called after each step with its number (0-based) and losses.
    """
    draw = np.random.default_rng(config.seed)
    scales = mel_scales(config.model.sample_rate)
    optimiser = torch.optim.AdamW(codec.parameters(), lr=config.learning_rate, betas=(0.8, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _cosine(step, config.steps))
    first_quantised = round(config.unquantised * config.steps)
    codec.train()
    for step in range(config.steps):
        if step == first_quantised:
            codec.initialise_codebooks(random_crops(clips, config, draw, crops=32))
        pair = [scales[i] for i in draw.choice(len(scales), 2, replace=False)]
        losses = _losses(codec, random_crops(clips, config, draw), pair, quantise=step >= first_quantised)
        optimiser.zero_grad(set_to_none=True)
        _total(losses, config).backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        progress(step, {name: value.item() for name, value in losses.items()})
    codec.eval()


def random_crops(clips: np.ndarray, config: CodecConfig, draw: np.random.Generator, crops: int | None = None) -> Tensor:
    """Random crops of random clips, [crops, 1, crop_s * sample_rate]."""
    length = round(config.crop_s * config.model.sample_rate)
    count = crops or config.batch
    rows = draw.integers(len(clips), size=count)
    starts = draw.integers(clips.shape[1] - length + 1, size=count)
    return torch.from_numpy(np.stack([clips[r, s : s + length] for r, s in zip(rows, starts, strict=True)]))[:, None]


def _losses(codec: SpectralCodec, crops: Tensor, scales: list[LogMel], *, quantise: bool) -> dict[str, Tensor]:
    """L1 of the log-mel spectra, L1 of their frame-to-frame change, and the commitment loss."""
    decoded, commitment = codec(crops, quantise=quantise)
    errors = [scale(crops[:, 0]) - scale(decoded[:, 0]) for scale in scales]  # [B, bands, frames] each
    return {
        "mel_l1": torch.stack([error.abs().mean() for error in errors]).mean(),
        "flicker_l1": torch.stack([error.diff(dim=-1).abs().mean() for error in errors]).mean(),
        "commitment": commitment,
    }


def _total(losses: dict[str, Tensor], config: CodecConfig) -> Tensor:
    flicker = config.flicker_weight * losses["flicker_l1"]
    return losses["mel_l1"] + flicker + config.commitment_weight * losses["commitment"]


def _cosine(step: int, steps: int) -> float:
    """Warm-up over the first 5 %, then half a cosine to zero."""
    warm = max(1, round(0.05 * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, steps - warm))))
