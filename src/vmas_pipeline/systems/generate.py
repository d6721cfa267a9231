"""The generation stage: a system generates music for held-out clips, resumable clip by clip."""

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from vmas_pipeline.features.shards import Folder, Sample, read_clips, read_index
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.config import GenerationConfig
from vmas_pipeline.systems.generated import EMBEDDINGS, RECORD, Record, clip_file, write_clip, write_embeddings
from vmas_pipeline.systems.interface import Embeds, Partial, System
from vmas_pipeline.versioning import code_version

if TYPE_CHECKING:
    import pandas as pd


def generate_clips(config: GenerationConfig, clip: ClipSpec, system: System, features: Folder, out: Path) -> Path:
    """Generate the system's music for the evaluated clips.

    A folder with partial results of the same revision, seed and code is completed; any other is regenerated. Clips that
    the system does not hold are left out.

    Args:
        config: which clips.
        clip: the clip format.
        system: generates the music.
        features: folder of the shards, `<split>/*.tar` and `<split>/index.parquet`.
        out: the system's folder under 05_generated.

    Returns:
        `out`.

    Raises:
        ValueError: a system for another clip format, clips from fewer than two sources, or a folder with foreign files.
    """
    if system.clip not in (None, clip):
        raise ValueError(f"system {system.name} was made for {system.clip}, but clip is {clip}: train it again")
    clips = draw_clips(read_index(features / config.split), config.clips, config.split)
    if isinstance(system, Partial):
        clips = clips[[system.holds(name) for name in clips["clip_id"]]]
    _fill(system, config, features / config.split, clips, out)
    if isinstance(system, Embeds):
        _embed(system, config, features / config.split, clips, out)
    return out


def reconstruct_clips(config: GenerationConfig, system: System, features: Folder, out: Path) -> Path:
    """Write the true music through the codec, for the evaluated clips and some of the training split.

    Arguments and errors as for `generate_clips`.
    """
    for split, count in ((config.split, config.clips), ("train", config.training_clips)):
        clips = draw_clips(read_index(features / split), count, split)
        _fill(system, config, features / split, clips, out)
    return out


def draw_clips(clips: "pd.DataFrame", count: int, split: str) -> "pd.DataFrame":
    """At most `count` rows, the first by a hash of their ids: the same ones regardless of the table's other rows.

    Raises:
        ValueError: The rows come from fewer than two sources.
    """
    if clips["source_id"].nunique() < 2:
        raise ValueError(f"split {split} has clips of {clips['source_id'].nunique()} sources: evaluation needs two")
    order = clips["clip_id"].map(lambda name: hashlib.sha256(name.encode()).hexdigest()).sort_values().index
    return clips.loc[order[:count]]


def _fill(system: System, config: GenerationConfig, shards: Folder, clips: "pd.DataFrame", out: Path) -> None:
    """Generate the missing clips; the record lists a clip once its file is complete."""
    record = open_folder(system, config.seed, out)
    missing = [name for name in clips["clip_id"] if name not in record.compute_s]
    samples = read_clips(shards, clips[clips["clip_id"].isin(missing)])
    with tqdm(total=len(clips), initial=len(clips) - len(missing), unit="clip", desc=f"music by {system.name}") as bar:
        for made, seconds in _made(system, samples, config):
            for name, waveform in made.items():
                write_clip(out, name, waveform, system.sample_rate)
            record = replace(record, compute_s={**record.compute_s, **dict.fromkeys(made, seconds / len(made))})
            record.write(out)
            bar.update(len(made))


def _made(
    system: System, samples: Iterable[Sample], config: GenerationConfig
) -> Iterator[tuple[dict[str, np.ndarray], float]]:
    """Batches of waveforms by clip id, and each batch's CPU seconds."""
    for batch in _batches(samples, config.batch):
        started = time.process_time()
        waveforms = system.generate_clips(batch, config.seed)
        yield {s.clip_id: w for s, w in zip(batch, waveforms, strict=True)}, time.process_time() - started


def open_folder(system: System, seed: int, out: Path) -> Record:
    """Prepare a folder for a system's music: keep its record if it is this system's, else begin anew.

    Returns:
        The record; it lists only clips whose file is there.

    Raises:
        ValueError: the folder holds files, and no record.
    """
    fresh = Record(
        system=system.name,
        revision=system.revision,
        seed=seed,
        code=code_version(type(system).__module__),
        sample_rate=system.sample_rate,
        about=system.about(),
    )
    if (out / RECORD).is_file():
        found = Record.read(out)
        if found.same_maker(fresh):
            whole = {name: s for name, s in found.compute_s.items() if clip_file(out, name).is_file()}
            return replace(found, compute_s=whole)
        shutil.rmtree(out)
    elif out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out} holds files and no {RECORD}: they are not ours to replace; move them away")
    out.mkdir(parents=True, exist_ok=True)
    fresh.write(out)
    return fresh


def _embed(system: Embeds, config: GenerationConfig, shards: Folder, clips: "pd.DataFrame", out: Path) -> None:
    if (out / EMBEDDINGS).is_file():
        with np.load(out / EMBEDDINGS) as stored:
            if set(clips["clip_id"]) <= set(stored["clip_id"].tolist()):
                return
    names, video, music = [], [], []
    for batch in _batches(read_clips(shards, clips), config.batch):
        of_video, of_music = system.embed(batch)
        names += [sample.clip_id for sample in batch]
        video.append(of_video)
        music.append(of_music)
    write_embeddings(out, names, np.concatenate(video), np.concatenate(music))


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    left = iter(samples)
    while batch := list(islice(left, size)):
        yield batch
