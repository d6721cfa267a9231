"""Training of the small codec, without a discriminator."""

# B batch, N samples, T tokens, G sinusoids, S short windows of a token, M noise bands, n clips

import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.codec.config import CodecConfig
from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.codec.losses import CodecLosses
from vmas_pipeline.codec.optimisation import cosine, optimisers
from vmas_pipeline.codec.reconstruction import measure, reconstruction_figure
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.media import ClipSpec, MediaError, local, read_audio
from vmas_pipeline.registry import model_folder
from vmas_pipeline.stand_ins import defer_compiler
from vmas_pipeline.tracking import RunLogger

if TYPE_CHECKING:
    import pandas as pd

ANALYSED_AT_ONCE = 16  # clips
KMEANS_CROPS = 32
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
        codec = _train_small(config, clip, manifest, out, logger)
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


def _train_small(
    config: CodecConfig, clip: ClipSpec, manifest: "pd.DataFrame", out: Path, logger: RunLogger | None
) -> SinusoidalCodec:
    _check_rate(config.model.sample_rate, clip)
    if config.crop_s > clip.duration_s:
        raise ValueError(
            f"codec crop_s ({config.crop_s}) exceeds clip.duration_s ({clip.duration_s}): lower codec.crop_s"
        )
    torch.manual_seed(config.seed)
    codec = SinusoidalCodec(config.model)
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

    def read(path: str, start_s: float) -> np.ndarray | None:
        try:
            return read_audio(local(path), sample_rate=clip.sample_rate, start_s=start_s, duration_s=clip.duration_s)[0]
        except MediaError:
            return None

    rows = manifest[manifest["split"] == split]
    chosen = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(read, chosen["audio_path"], chosen["start_s"])
        waveforms = [waveform for waveform in found if waveform is not None]
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


@dataclass(frozen=True)
class Crops:
    """Parts of training clips, and what the codec hears in them."""

    waveforms: Tensor  # [B, N]
    partials: Tensor  # [B, T, G]
    shorts: Tensor  # [B, T, S * M]


class TrainingClips:
    """Waveforms with their analysis, made once, from which crops of whole tokens are drawn.

    Args:
        waveforms: float32 [n, N] at the codec's sample rate.
    """

    def __init__(self, codec: SinusoidalCodec, waveforms: np.ndarray) -> None:
        self.waveforms, self.hop = torch.from_numpy(waveforms), codec.config.hop
        with torch.no_grad():
            parts = [codec.analysis(part) for part in self.waveforms.split(ANALYSED_AT_ONCE)]
        self.partials, self.shorts = (torch.cat(part).half() for part in zip(*parts, strict=True))  # half the memory

    def draw(self, count: int, tokens: int, random: np.random.Generator) -> Crops:
        """Random crops of random clips."""
        rows = random.integers(len(self.waveforms), size=count)
        starts = random.integers(self.waveforms.shape[1] // self.hop - tokens + 1, size=count)
        spots = list(zip(rows, starts, strict=True))
        return Crops(
            torch.stack([self.waveforms[r, s * self.hop : (s + tokens) * self.hop] for r, s in spots]),
            torch.stack([self.partials[r, s : s + tokens] for r, s in spots]).float(),
            torch.stack([self.shorts[r, s : s + tokens] for r, s in spots]).float(),
        )


def fit(codec: SinusoidalCodec, clips: np.ndarray, config: CodecConfig, progress: Progress) -> None:
    """Train `codec` in place.

    Args:
        clips: float32 [n, N], training waveforms at the codec's sample rate.
        progress: called after each step with its number (0-based) and losses.
    """
    random = np.random.default_rng(config.seed)
    training_clips = TrainingClips(codec, clips)
    tokens = round(config.crop_s * codec.frame_rate)
    compare = CodecLosses(codec)
    defer_compiler()
    used = optimisers(codec, config)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: cosine(step, config.steps)) for each in used]
    first_quantised = round(config.unquantised * config.steps)
    codec.train()
    for step in range(config.steps):
        if step == first_quantised:
            codec.initialise_codebooks(training_clips.draw(KMEANS_CROPS, tokens, random).waveforms[:, None])
        crops = training_clips.draw(config.batch, tokens, random)
        levels, commitment = codec(crops.partials, crops.shorts, quantise=step >= first_quantised)
        losses = {**compare(levels, crops.waveforms, crops.partials, random), "commitment": commitment}
        codec.zero_grad(set_to_none=True)
        _total(losses, config).backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 5.0)
        for optimiser, schedule in zip(used, schedules, strict=True):
            optimiser.step()
            schedule.step()
        progress(step, {name: value.item() for name, value in losses.items()})
    codec.eval()


def _total(losses: dict[str, Tensor], config: CodecConfig) -> Tensor:
    return (
        losses["mel_l1"]
        + config.partials_weight * losses["partials_mse"]
        + config.flicker_weight * losses["flicker_l1"]
        + config.commitment_weight * losses["commitment"]
    )
