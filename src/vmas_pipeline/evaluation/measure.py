"""Takes a model through held-out clips: generates, listens, and keeps what the metrics need."""

# B batch, N clips, F frame pairs, D width of an embedding

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from vmas_pipeline.audio.tagger import MusicTagger
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.hearing import Heard, Listener
from vmas_pipeline.features.shards import Sample, read_shards
from vmas_pipeline.generator import Generator, clip_seed, decode_in_chunks
from vmas_pipeline.media import ClipSpec, local, read_audio

if TYPE_CHECKING:
    from pandas import DataFrame

NOISE_CLIPS, NOISE_S = 32, 3.0
"""White noise, the chance level of FAD: its embeddings are nearly one point, so a few pieces are enough."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A clip kept whole, for the report."""

    row: dict[str, Any]
    generated: np.ndarray  # float32 [samples]
    true: np.ndarray  # float32 [samples]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured on N clips, in one order."""

    rows: list[dict[str, Any]]  # the clips' manifest rows
    flow: list[np.ndarray]  # N curves of mean flow, float32 [F]
    generated: Heard
    true: Heard
    codec: Heard  # the true music, coded and decoded
    video_vectors: np.ndarray  # float32 [N, D], for retrieval
    music_vectors: np.ndarray  # float32 [N, D], of the true music
    training: Heard  # true music of the training split
    training_codec: Heard  # the same, coded and decoded
    training_genres: np.ndarray  # object [M], str or None
    noise: Heard  # white noise
    shown: list[Shown]


def measure(
    config: EvaluationConfig, clip: ClipSpec, generator: Generator, features: Path, manifest: "DataFrame"
) -> Measured:
    """Generate music for held-out clips and listen to it, to the true music and to its codec reconstruction.

    Args:
        config: which clips, how many.
        clip: length and rates of a clip.
        generator: the model under test.
        features: folder of the shards, `<split>/*.tar`.
        manifest: the clips with their splits, genres and sources.

    Raises:
        ValueError: The split has clips of fewer than two sources, so that nothing can be shuffled; or the shards hold
            none of its clips.
    """
    listener = Listener(MusicTagger.load(config.tagger).to(generator.device), clip.sample_rate)
    chosen = draw_clips(manifest[manifest["split"] == config.split], config.clips, config.split)
    training = draw_clips(manifest[manifest["split"] == "train"], config.training_clips, "train")
    with tqdm(total=len(chosen) + len(training), unit="clip", desc="evaluation") as bar:
        held_out = _measure_held_out(config, clip, generator, listener, features / config.split, chosen, bar)
        plain, coded = _hear_music(training, config.batch, clip, generator, listener, bar)
    noise = np.random.default_rng(0).normal(0, 0.1, (NOISE_CLIPS, round(NOISE_S * clip.sample_rate))).astype(np.float32)
    return Measured(
        **held_out,
        training=plain,
        training_codec=coded,
        training_genres=training["genre"].to_numpy(object),
        noise=listener.hear(noise, onsets=[]),
    )


def draw_clips(clips: "DataFrame", count: int, split: str) -> "DataFrame":
    """At most `count` rows, the first by a hash of their ids: the same ones whatever else the table holds.

    Raises:
        ValueError: The rows come from fewer than two sources.
    """
    if clips["source_id"].nunique() < 2:
        raise ValueError(f"split {split} has clips of {clips['source_id'].nunique()} sources: evaluation needs two")
    order = clips["clip_id"].map(lambda name: hashlib.sha256(name.encode()).hexdigest()).sort_values().index
    return clips.loc[order[:count]]


def _spread(clips: "DataFrame", count: int) -> set[str]:
    """Ids of `count` clips, the genres in turn; decided before anything is generated."""
    turn = clips.groupby("genre", dropna=False).cumcount()
    return set(clips.loc[turn.sort_values(kind="stable").index[:count], "clip_id"])


def _batches(shards: Path, chosen: set[str], size: int) -> Iterator[list[Sample]]:
    batch: list[Sample] = []
    for sample in read_shards(shards):
        if sample.clip_id in chosen:
            batch.append(sample)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _measure_held_out(
    config: EvaluationConfig,
    clip: ClipSpec,
    generator: Generator,
    listener: Listener,
    shards: Path,
    chosen: "DataFrame",
    bar: tqdm,
) -> dict[str, Any]:
    """What `Measured` says of the held-out clips, batch by batch."""
    shown, parts = _spread(chosen, config.report_clips), []
    for batch in _batches(shards, set(chosen["clip_id"]), config.batch):
        parts.append(_measure_batch(batch, clip, generator, listener, config.seed, shown))
        bar.update(len(batch))
    if not parts:
        raise ValueError(f"{shards} holds no clip of the manifest's: run `kedro run --pipeline=features` again")
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    return {
        **{name: [entry for part in columns[name] for entry in part] for name in ("rows", "flow", "shown")},
        **{name: Heard.joined(columns[name]) for name in ("generated", "true", "codec")},
        **{name: np.concatenate(columns[name]) for name in ("video_vectors", "music_vectors")},
    }


def _measure_batch(
    batch: list[Sample], clip: ClipSpec, generator: Generator, listener: Listener, seed: int, shown: set[str]
) -> dict[str, Any]:
    frames = np.stack([sample.frames for sample in batch])
    codes = torch.from_numpy(np.stack([sample.codes for sample in batch])).long().to(generator.device)
    generated = generator.generate_from_frames(frames, [clip_seed(seed, sample.clip_id) for sample in batch])
    true = np.stack([_true_music(sample.row, clip) for sample in batch])
    return {
        "rows": [sample.row for sample in batch],
        "flow": [sample.flow for sample in batch],
        "generated": listener.hear(generated),
        "true": listener.hear(true, onsets=[sample.onsets_s for sample in batch]),
        "codec": listener.hear(decode_in_chunks(generator.codec, codes)[:, 0]),
        "video_vectors": generator.model.embed_video(generator.conditions(frames)).cpu().numpy(),
        "music_vectors": generator.model.embed_music(codes).cpu().numpy(),
        "shown": [
            Shown(row=sample.row, generated=generated[i], true=true[i])
            for i, sample in enumerate(batch)
            if sample.clip_id in shown
        ],
    }


def _hear_music(
    clips: "DataFrame", batch: int, clip: ClipSpec, generator: Generator, listener: Listener, bar: tqdm
) -> tuple[Heard, Heard]:
    """Tags and embeddings of the clips' own music, plain and through the codec."""
    plain, coded = [], []
    for start in range(0, len(clips), batch):
        music = np.stack([_true_music(row, clip) for row in clips.iloc[start : start + batch].to_dict("records")])
        codes = generator.codec.encode(torch.from_numpy(music)[:, None].to(generator.device))
        plain.append(listener.hear(music, onsets=[]))
        coded.append(listener.hear(decode_in_chunks(generator.codec, codes)[:, 0], onsets=[]))
        bar.update(len(music))
    return Heard.joined(plain), Heard.joined(coded)


def _true_music(row: Mapping[Any, Any], clip: ClipSpec) -> np.ndarray:
    """float32 [samples] of the clip's own music."""
    return read_audio(
        local(row["audio_path"]), sample_rate=clip.sample_rate, start_s=row["start_s"], duration_s=clip.duration_s
    )[0]
