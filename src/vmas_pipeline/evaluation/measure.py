"""Reads the systems' music for the clips and extracts the features that the metrics compare; runs no generation."""

# N clips, M clips of the training split, F frame pairs, D width of a vector

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from vmas_pipeline.audio.level import FLOOR_LUFS
from vmas_pipeline.evaluation.audio_features import AudioFeatureExtractor, AudioFeatures, Sound
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.embeddings import Embedding
from vmas_pipeline.evaluation.space import Space
from vmas_pipeline.media import ClipSpec, read_music
from vmas_pipeline.systems.generated import Record, read_clip, read_embeddings

if TYPE_CHECKING:
    from pandas import DataFrame


T = TypeVar("T")

Row = dict[str, Any]
"""Of the manifest."""

Reader = Callable[[Row], np.ndarray]
"""From a row to its music, float32 [samples]."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The metrics' input: features of N clips in a common order."""

    rows: list[Row]  # the clips' manifest rows
    flow: list[np.ndarray]  # N curves of mean flow, float32 [F]
    cuts: list[np.ndarray]  # of the N clips, seconds
    frame_rate: float  # of the flow and the cuts
    generated: AudioFeatures  # with `gain_db`, except the level, which is as made
    gain_db: float
    true: AudioFeatures
    codec: AudioFeatures  # the true music, encoded and decoded
    vectors: tuple[np.ndarray, np.ndarray] | None  # of videos and true music, float32 [N, D], for retrieval
    training: AudioFeatures  # true music of M clips of the training split
    training_codec: AudioFeatures  # the same, encoded and decoded
    training_rows: list[Row]  # their manifest rows
    embeddings: tuple[Embedding, ...]  # in which the music was heard

    @property
    def spaces(self) -> list[Space]:
        """The music in each embedding."""
        heard = {"true": self.true, "generated": self.generated, "codec": self.codec}
        heard |= {"training": self.training, "training_codec": self.training_codec}
        return [
            Space(
                embedding=embedding,
                first=embedding is self.embeddings[0],
                **{name: music.embedded[embedding.name] for name, music in heard.items()},
            )
            for embedding in self.embeddings
        ]

    @property
    def training_genres(self) -> np.ndarray:
        """object [M], str or None."""
        return np.array([row["genre"] for row in self.training_rows], object)

    @property
    def sources(self) -> list[str]:
        """The source of each clip."""
        return [row["source_id"] for row in self.rows]

    @property
    def genres(self) -> np.ndarray:
        """object [N], str or None."""
        return np.array([row["genre"] for row in self.rows], object)

    @property
    def about(self) -> dict[str, Any]:
        """The leading columns of clips.parquet."""
        names = [row["clip_id"] for row in self.rows]
        return {"clip_id": names, "source_id": self.sources, "genre": self.genres}


def measure(
    config: EvaluationConfig,
    clip: ClipSpec,
    generated: Path,
    reconstructed: Path,
    features: Path,
    manifest: "DataFrame",
    cache: Path | None = None,
) -> Measured:
    """Features of a system's music, of the true music and of its codec reconstruction.

    Args:
        config: the embeddings and batch size.
        clip: length and rates of a clip.
        generated: the system's folder; the clips in its record are measured.
        reconstructed: the codec's folder, with the same clips and clips of the training split.
        features: folder of the features, for the flow curves and the onsets.
        manifest: the clips with their splits, genres and sources.
        cache: keeps the features of music by its content, so that none is analysed twice; None keeps none.

    Raises:
        ValueError: a folder without a record, clips that the manifest, the curves or the codec's folder lack, features
            of an earlier version, or an embedding without its weights.
    """
    import pandas as pd

    made, coded = Record.read(generated), Record.read(reconstructed)
    known = manifest.set_index("clip_id", drop=False)
    curves = pd.read_parquet(features / "curves.parquet").set_index("clip_id")
    names = list(made.compute_s)
    _require(names, {"manifest": known.index, "curves": curves.index, str(reconstructed): coded.compute_s})
    if "cuts_s" not in curves:
        raise ValueError(f"{features} was written by an earlier version: run `kedro run --pipelines=features` again")
    rows = _rows(known, names)
    taught = _rows(known, [n for n in coded.compute_s if n in known.index and known.at[n, "split"] == "train"])
    for embedding in config.embeddings:
        embedding.prepare()
    extractor = AudioFeatureExtractor(config.embeddings, "cuda" if torch.cuda.is_available() else "cpu", cache)
    total = (3 + config.match_loudness) * len(rows) + 2 * len(taught)
    with tqdm(total=total, unit="clip", desc="evaluation") as bar, _cores() as pool:
        hear = _Ear(extractor, pool, config.batch, bar)
        flow, onsets, cuts = (
            [np.asarray(curves.at[name, column], np.float32) for name in names]
            for column in ("flow", "onsets_s", "cuts_s")
        )
        true = hear(rows, _true_music(clip), clip.sample_rate, onsets)
        as_made, gain_db = _from(generated), 0.0
        if config.match_loudness:
            sounds = hear.sounds(rows, as_made, made.sample_rate)
            gain_db = matching_gain(_lufs(sounds), _lufs(true.sounds))
        heard = hear(rows, _amplified(as_made, gain_db), made.sample_rate)
        if gain_db:
            heard = replace(
                heard, sounds=[replace(a, level=b.level) for a, b in zip(heard.sounds, sounds, strict=True)]
            )
        return Measured(
            rows=rows,
            flow=flow,
            cuts=cuts,
            frame_rate=clip.frame_rate,
            generated=heard,
            gain_db=gain_db,
            true=true,
            codec=hear(rows, _from(reconstructed), coded.sample_rate),
            vectors=read_embeddings(generated, names),
            training=hear.alone(taught, _true_music(clip), clip.sample_rate),
            training_codec=hear.alone(taught, _from(reconstructed), coded.sample_rate),
            training_rows=taught,
            embeddings=config.embeddings,
        )


class _Ear:
    """Features of the clips' music, a clip a core."""

    def __init__(self, extractor: AudioFeatureExtractor, pool: ThreadPoolExecutor, batch: int, bar: tqdm) -> None:
        self.extractor, self.pool, self.batch, self.bar = extractor, pool, batch, bar

    def __call__(
        self, rows: list[Row], read: Reader, sample_rate: int, onsets: list[np.ndarray] | None = None
    ) -> AudioFeatures:
        """All features; known onsets are not detected again."""

        def extract(number: int, waveform: np.ndarray) -> AudioFeatures:
            known = None if onsets is None else [onsets[number]]
            return self.extractor.extract(waveform[None], sample_rate, known)

        return AudioFeatures.joined([*self._each(extract, rows, read)])

    def alone(self, rows: list[Row], read: Reader, sample_rate: int) -> AudioFeatures:
        """Embeddings and fingerprints alone."""
        parts = self._each(lambda number, waveform: self.extractor.embed(waveform[None], sample_rate), rows, read)
        return AudioFeatures.joined([*parts])

    def sounds(self, rows: list[Row], read: Reader, sample_rate: int) -> list[Sound]:
        """Rhythm, key and level alone."""
        parts = self._each(lambda number, waveform: self.extractor.sounds(waveform[None], sample_rate), rows, read)
        return [sound for part in parts for sound in part]

    def _each(self, analyse: Callable[[int, np.ndarray], T], rows: list[Row], read: Reader) -> Iterator[T]:
        """Results in the rows' order. Music is read in turn, a batch ahead."""
        for start in range(0, len(rows), self.batch):
            numbers = range(start, min(start + self.batch, len(rows)))
            for result in self.pool.map(analyse, numbers, [read(rows[number]) for number in numbers]):
                self.bar.update()
                yield result


def _cores() -> ThreadPoolExecutor:
    """A thread a core, each of which computes in one thread: the networks are too small to share."""
    return ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,))


def matching_gain(lufs: Sequence[float], reference: Sequence[float]) -> float:
    """The gain in dB that makes a system's music as loud as the reference, on average over the clips that sound.

    One gain for all clips keeps the differences between them, which are the system's own. 0 if nothing sounds.

    Args:
        lufs: integrated loudness of the system's clips.
        reference: that of the true music.
    """
    sounding = [[each for each in values if each > FLOOR_LUFS] for values in (lufs, reference)]
    ours, theirs = sounding
    return float(np.mean(theirs) - np.mean(ours)) if ours and theirs else 0.0


def true_music(row: Mapping[Any, Any], clip: ClipSpec) -> np.ndarray:
    """float32 [samples] of the clip's own music."""
    return read_music(row, clip.sample_rate, clip.duration_s)


def _true_music(clip: ClipSpec) -> Reader:
    return lambda row: true_music(row, clip)


def _from(folder: Path) -> Reader:
    return lambda row: read_clip(folder, row["clip_id"])


def _amplified(read: Reader, gain_db: float) -> Reader:
    """float32 [samples] beyond full scale is left as it is."""
    factor = np.float32(10 ** (gain_db / 20))
    return (lambda row: read(row) * factor) if gain_db else read


def _lufs(sounds: Sequence[Sound]) -> list[float]:
    return [sound.level.lufs for sound in sounds]


def _rows(known: "DataFrame", names: list[str]) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in known.loc[names].to_dict("records")]


def _require(names: list[str], places: Mapping[str, Any]) -> None:
    for place, held in places.items():
        if lost := [name for name in names if name not in held]:
            raise ValueError(
                f"{len(lost)} of {len(names)} generated clips are not in {place}, the first {lost[0]}: "
                "run `kedro run --pipelines=features,generation` again"
            )
