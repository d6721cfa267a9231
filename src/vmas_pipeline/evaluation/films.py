"""A system on films without true music: does the music follow the picture, is it as dense, and is it in tune?"""

# N pieces of music for a clip each: clips x seeds; F frames of a clip

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.audio.pitch import Tuning, tuning
from vmas_pipeline.curation.sources import find_sources, source_id
from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.config import FilmsConfig
from vmas_pipeline.evaluation.films_report import Shown, write_films_report
from vmas_pipeline.evaluation.metrics.alignment import blind_scores
from vmas_pipeline.evaluation.metrics.density import density_results
from vmas_pipeline.evaluation.metrics.tuning import tuning_results
from vmas_pipeline.evaluation.result import MetricResult, clips_table, to_metrics, write_results
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.media import (
    ClipSpec,
    MediaError,
    measure,
    portable,
    printable,
    read_frames,
    replace_audio,
    whole_file,
)
from vmas_pipeline.systems.generate import open_folder
from vmas_pipeline.systems.generated import Record, clip_file, read_clip, write_clip
from vmas_pipeline.systems.interface import System
from vmas_pipeline.tracking import RunLogger


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The music of one seed for one clip of a film."""

    path: Path
    source: str  # by the film's content: copies of one film are one source
    seed: int
    start_s: float
    flow: np.ndarray  # [F - 1]
    peaks_s: np.ndarray
    onsets_s: np.ndarray
    tuning: Tuning


def evaluate_films(
    config: FilmsConfig, clip: ClipSpec, system: System, out: Path, logger: RunLogger | None = None
) -> dict[str, Any]:
    """Generate music for films and measure how well it follows them; a run that was ended continues.

    Args:
        config: which films.
        clip: length of a clip, and frame rate of the flow.
        system: generates the music.
        out: gets metrics.json, clips.parquet, skipped.json (what could not be used, with the reason), report.html with
            media/, and music/.
        logger: the MLflow run that gets the metrics and the report.

    Returns:
        The contents of metrics.json: the results, and those of each seed.

    Raises:
        ValueError: no folder, or fewer than two films at least as long as a clip.
    """
    folder = Path(config.folder)
    if not folder.is_dir():
        raise ValueError(f"films.folder is {folder}: no such folder; put films there, or name another")
    studio, pieces, skipped = _Studio(system, out), [], {}
    for path in tqdm(find_sources(folder), desc="films", unit="film"):
        try:
            pieces += _pieces(config, clip, studio, path)
            if config.watch:
                studio.copy_with_music(path, folder, config.seeds[0])
        except MediaError as error:
            skipped[portable(path)] = str(error)
    with whole_file(out / "skipped.json") as temporary:
        temporary.write_text(json.dumps(skipped, indent=2) + "\n")
    films = {piece.source for piece in pieces}
    if len(films) < 2:
        least = f"two films of {clip.duration_s:g} s or more"
        raise ValueError(f"{folder} holds fewer than {least}: see {out / 'skipped.json'}")
    results = film_results(pieces, clip)
    metrics = {
        "system": system.name,
        "revision": system.revision,
        "seeds": list(config.seeds),
        "films": len(films),
        "clips": len({(piece.path, piece.start_s) for piece in pieces}),
        **to_metrics(results),
        "by_seed": {str(seed): _values(film_results(own, clip)) for seed, own in _by_seed(pieces)},
    }
    table = clips_table(_about(pieces), results)
    write_results(out, metrics, table)
    report = write_films_report(out, metrics, table, _shown(config, pieces, studio, folder), clip, skipped)
    if logger:
        logger.metrics({f"films/{r.name}/value": r.value for r in results if r.value is not None})
        logger.artifact(report, "films")
        logger.artifact(out / "media", "films/media")
    return metrics


class _Studio:
    """The films' music, generated once: `music/seed-<seed>/` is a folder like those of 05_generated."""

    def __init__(self, system: System, out: Path) -> None:
        self.system, self.out = system, out
        self.records: dict[int, Record] = {}
        self.files: dict[tuple[Path, int], Path] = {}

    def music(self, path: Path, source: str, seed: int, seconds: float) -> np.ndarray:
        """The music of a film's first seconds, float32 [samples]."""
        folder, name = self.out / "music" / f"seed-{seed}", f"{source}-{round(1000 * seconds):08d}"
        record = self.records.get(seed) or open_folder(self.system, seed, folder)
        if name not in record.compute_s:
            started = time.process_time()
            music = self.system.generate(path, seed, seconds)
            taken = time.process_time() - started
            write_clip(folder, name, music.waveform.mean(axis=0), music.sample_rate)
            record = replace(record, compute_s={**record.compute_s, name: taken})
            record.write(folder)
        self.records[seed] = record
        self.files[path, seed] = clip_file(folder, name)
        return read_clip(folder, name)

    def copy_with_music(self, path: Path, folder: Path, seed: int) -> None:
        """Write a film, whole, with its music, at the same place in the tree `videos/`, unless it is there already.

        Raises:
            MediaError: its picture cannot be copied.
        """
        inside = path.relative_to(folder)
        target, music = self.out / "videos" / inside.parent / f"{inside.name}.mkv", self.files[path, seed]
        if target.is_file() and target.stat().st_mtime >= music.stat().st_mtime:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_audio(path, read_clip(music.parent, music.stem)[None], self.system.sample_rate, target)


def _pieces(config: FilmsConfig, clip: ClipSpec, studio: _Studio, path: Path) -> list[Piece]:
    """The music of each seed for the complete clips in a film's first seconds.

    Raises:
        MediaError: it cannot be read, or is shorter than a clip.
    """
    seconds = min(config.seconds, measure(path).duration_s + 0.5 / clip.frame_rate)
    if seconds < clip.duration_s:
        raise MediaError("too_short", f"{printable(path)} lasts {seconds:.2f} s: a clip takes {clip.duration_s:g} s")
    source, rate = source_id(path), studio.system.sample_rate
    music = {seed: studio.music(path, source, seed, seconds) for seed in config.seeds}
    pieces = []
    for start_s in np.arange(0, seconds - clip.duration_s + 1e-6, clip.duration_s).tolist():
        frames = read_frames(
            path, frame_rate=clip.frame_rate, size=config.flow_size, start_s=start_s, frames=clip.frames_per_clip
        )
        flow = mean_flow(frames)
        for seed, waveform in music.items():
            heard = waveform[round(start_s * rate) : round((start_s + clip.duration_s) * rate)]
            piece = Piece(
                path=path,
                source=source,
                seed=seed,
                start_s=start_s,
                flow=flow,
                peaks_s=flow_peaks(flow, clip.frame_rate),
                onsets_s=onset_times(heard, rate),
                tuning=tuning(heard, rate),
            )
            pieces.append(piece)
    return pieces


def film_results(pieces: Sequence[Piece], clip: ClipSpec) -> list[MetricResult]:
    """MV Align with its blind levels and the oracle, its lead over them, density and tuning."""
    onsets, peaks = [piece.onsets_s for piece in pieces], [piece.peaks_s for piece in pieces]
    sources = [piece.source for piece in pieces]
    own = np.array([mv_align(o, p, clip.frame_rate) for o, p in zip(onsets, peaks, strict=True)])
    blind, period_s = blind_scores(onsets, peaks, sources, clip.duration_s, clip.frame_rate)
    oracle = np.array([mv_align(p, p, clip.frame_rate) for p in peaks])
    levels = {name: float(scores.mean()) for name, scores in (blind | {"oracle": oracle}).items()}
    interval = bootstrap_mean(own, groups=np.array(sources))
    counts = {"n_onsets": np.array([len(o) for o in onsets]), "n_peaks": np.array([len(p) for p in peaks])}
    return [
        MetricResult(
            name="mv_align",
            title="MV Align on films",
            value=interval.mean,
            chance=max(levels[name] for name in blind),
            ceiling=levels["oracle"],
            interval=(interval.low, interval.high),
            levels=levels,
            per_clip={"mv_align": own, **{f"mv_align_{name}": scores for name, scores in blind.items()}, **counts},
            measured_with="prominent peaks of the flow; onsets by spectral flux; matched within a frame",
            note=f"best blind metronome {levels['metronome']:.3f} (a beat every {period_s:.2f} s), as many onsets at "
            f"random {levels['random']:.3f}, under other films {levels['shuffled']:.3f}; the ceiling is an oracle that "
            "plays on every peak and nowhere else: 1 by construction, 0 where nothing moves",
        ),
        _lead("metronome", "above the best metronome", own - blind["metronome"], sources),
        _lead("shuffled", "above the same music under other films", own - blind["shuffled"], sources),
        *density_results(onsets, peaks),
        *tuning_results([piece.tuning for piece in pieces], sources),
    ]


def _lead(over: str, title: str, difference: np.ndarray, sources: Sequence[str]) -> MetricResult:
    """The mean difference [N] of paired scores."""
    interval = bootstrap_mean(difference, groups=np.array(sources))
    return MetricResult(
        name=f"mv_align_over_{over}",
        title=f"MV Align, {title}",
        value=interval.mean,
        chance=0.0,
        interval=(interval.low, interval.high),
        measured_with="paired by clip, the interval by film",
        note="above chance only if the whole interval is above 0",
    )


def _by_seed(pieces: Sequence[Piece]) -> Iterator[tuple[int, list[Piece]]]:
    for seed in dict.fromkeys(piece.seed for piece in pieces):
        yield seed, [piece for piece in pieces if piece.seed == seed]


def _values(results: Sequence[MetricResult]) -> dict[str, float | None]:
    return {result.name: result.value for result in results}


def _about(pieces: Sequence[Piece]) -> dict[str, list[Any]]:
    """The leading columns of clips.parquet."""
    paths = [portable(piece.path) for piece in pieces]
    return {"source_path": paths, **{key: [getattr(p, key) for p in pieces] for key in ("source", "seed", "start_s")}}


def _shown(config: FilmsConfig, pieces: Sequence[Piece], studio: _Studio, folder: Path) -> list[Shown]:
    """Films for the report, spread evenly over the folder, with the music of the first seed."""
    seed = config.seeds[0]
    films: dict[Path, list[Piece]] = {}
    for piece in pieces:
        if piece.seed == seed:
            films.setdefault(piece.path, []).append(piece)
    paths = list(films)
    chosen = np.linspace(0, len(paths) - 1, min(config.report_films, len(paths))).round().astype(int)
    return [
        Shown(
            path=path,
            title=printable(path.relative_to(folder)),
            music=studio.files[path, seed],
            flow=[piece.flow for piece in films[path]],
            peaks_s=[piece.peaks_s for piece in films[path]],
            onsets_s=[piece.onsets_s for piece in films[path]],
        )
        for path in (paths[i] for i in chosen)
    ]
