"""From what was measured to metrics.json and the table of clips: each figure with its chance level and ceiling."""

# N clips

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vmas_pipeline.codec.reconstruction import onset_f1
from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.frechet import frechet_distance
from vmas_pipeline.evaluation.genre import genre_agreement
from vmas_pipeline.evaluation.kl import kl_divergence, softmax_of_sigmoids
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.retrieval import chance_recall, group_recall, retrieval
from vmas_pipeline.features.peaks import PeakMethod, flow_peaks

if TYPE_CHECKING:
    from pandas import DataFrame

DEFINITIONS: dict[str, PeakMethod] = {"mv_align": "prominent", "mv_align_local_maximum": "local_maximum"}
"""MV Align by what counts as a peak of the flow."""

PARTNERS = 16
"""Other videos that each piece of music is scored against, for the chance level."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The result of an evaluation."""

    metrics: dict[str, Any]  # metrics.json
    clips: "DataFrame"  # a row a clip


def compute_figures(config: EvaluationConfig, measured: Measured, frame_rate: float) -> Figures:
    """Compute every metric with its chance level and its ceiling.

    Args:
        config: for the names of what was measured.
        measured: of N clips.
        frame_rate: frames per second of the flow.
    """
    from pandas import DataFrame

    sources = [row["source_id"] for row in measured.rows]
    genres = np.array([row["genre"] for row in measured.rows], object)
    clips: dict[str, Any] = {
        "clip_id": [row["clip_id"] for row in measured.rows],
        "source_id": sources,
        "genre": genres,
        "n_onsets_generated": [len(onsets) for onsets in measured.generated.onsets_s],
        "n_onsets_true": [len(onsets) for onsets in measured.true.onsets_s],
    }
    metrics: dict[str, Any] = {
        "clips": len(sources),
        "sources": len(set(sources)),
        "split": config.split,
        "seed": config.seed,
        **_fad(config, measured),
        **_kl(config, measured),
        **_alignment(measured, sources, frame_rate, clips),
        **_genre(measured, genres, clips),
        **_retrieval(measured, genres, clips),
        "codec_onset_f1": float(
            np.mean([onset_f1(*pair) for pair in zip(measured.true.onsets_s, measured.codec.onsets_s)])
        ),
    }
    return Figures(metrics=metrics, clips=DataFrame(clips))


def _fad(config: EvaluationConfig, measured: Measured) -> dict[str, Any]:
    reference = measured.true.embeddings
    width = reference.shape[1]
    return {
        "fad": frechet_distance(reference, measured.generated.embeddings),
        "fad_embedding": f"{config.tagger.replace('_', ' ')}, penultimate layer ({width}), mean over patches of 3 s",
        "fad_reference": {
            "chance": frechet_distance(reference, measured.noise.embeddings),
            "ceiling": frechet_distance(reference, measured.codec.embeddings),
            "training_music": frechet_distance(reference, measured.training.embeddings),
        },
    }


def _kl(config: EvaluationConfig, measured: Measured) -> dict[str, Any]:
    """KL in both forms; chance pairs the generated music with the true music of other clips."""
    figures: dict[str, Any] = {"kl_tagger": f"{config.tagger.replace('_', ' ')}, mean over patches of 3 s"}
    heard = (measured.true.probabilities, measured.generated.probabilities, measured.codec.probabilities)
    other = np.roll(np.arange(len(measured.rows)), len(measured.rows) // 2)
    for name, form in (("kl", "softmax"), ("kl_sigmoid", "sigmoid")):
        true, generated, codec = (softmax_of_sigmoids(p) if form == "softmax" else p for p in heard)
        figures[name] = kl_divergence(true, generated, form)  # type: ignore[arg-type]
        figures[f"{name}_reference"] = {
            "chance": kl_divergence(true, generated[other], form),  # type: ignore[arg-type]
            "ceiling": kl_divergence(true, codec, form),  # type: ignore[arg-type]
        }
    return figures


def _alignment(
    measured: Measured, sources: Sequence[str], frame_rate: float, clips: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    partners = other_sources(sources, PARTNERS)
    figures: dict[str, dict[str, Any]] = {}
    for name, method in DEFINITIONS.items():
        peaks = [flow_peaks(flow, frame_rate, method) for flow in measured.flow]
        clips[f"n_peaks_{method}"] = [len(times) for times in peaks]
        scores = {
            source: np.array([mv_align(o, p, frame_rate) for o, p in zip(heard.onsets_s, peaks)])
            for source, heard in (("generated", measured.generated), ("true", measured.true), ("codec", measured.codec))
        }
        scores["shuffled"] = np.array(
            [
                np.mean([mv_align(onsets, peaks[other], frame_rate) for other in others])
                for onsets, others in zip(measured.generated.onsets_s, partners)
            ]
        )
        clips |= {f"{name}_{source}": values for source, values in scores.items()}
        interval = bootstrap_mean(scores["generated"], groups=np.array(sources))
        figures[name] = {source: float(values.mean()) for source, values in scores.items()}
        figures[name] |= {"low": interval.low, "high": interval.high, "peaks": method}
    return figures


def other_sources(sources: Sequence[str], count: int) -> list[list[int]]:
    """For each clip, the indices of up to `count` clips of other sources, the same at every call.

    Raises:
        ValueError: All clips are of one source.
    """
    names, random = np.asarray(sources), np.random.default_rng(0)
    if len(np.unique(names)) < 2:
        raise ValueError(f"all clips are of source {names[0]}: a shuffled pairing needs two")
    return [random.permutation(np.flatnonzero(names != name))[:count].tolist() for name in names]


def _genre(measured: Measured, genres: np.ndarray, clips: dict[str, Any]) -> dict[str, Any]:
    """Genre agreement over the clips that have a genre; None where there are fewer than two genres to tell apart.

    The classifier is taught with true music plain and through the codec, or it would judge the codec's sound as well.
    """
    known = np.array([isinstance(genre, str) for genre in genres])
    taught = np.array([isinstance(genre, str) for genre in measured.training_genres])
    clips["genre_heard"] = np.full(len(genres), None, object)
    if not known.any() or len(set(measured.training_genres[taught])) < 2:
        return {"genre_agreement": None}
    report = genre_agreement(
        (
            np.concatenate([measured.training.embeddings[taught], measured.training_codec.embeddings[taught]]),
            np.tile(measured.training_genres[taught].astype(str), 2),
        ),
        measured.codec.embeddings[known],
        measured.generated.embeddings[known],
        genres[known].astype(str),
    )
    clips["genre_heard"][known] = report.predicted
    return {
        "genre_agreement": report.agreement,
        "genre_agreement_reference": {"chance": report.chance, "ceiling": report.ceiling},
        "genre_clips": int(known.sum()),
    }


def _retrieval(measured: Measured, genres: np.ndarray, clips: dict[str, Any]) -> dict[str, Any]:
    report = retrieval(measured.video_vectors, measured.music_vectors)
    clips["retrieval_rank"] = report.ranks
    count, groups = report.candidates, np.array([str(genre) for genre in genres])
    return {
        "retrieval": {
            "candidates": count,
            "r_at_1": report.r_at_1,
            "r_at_10": report.r_at_10,
            "median_rank": report.median_rank,
            "chance": {
                "r_at_1": chance_recall(count, 1),
                "r_at_10": chance_recall(count, 10),
                "median_rank": (count + 1) / 2,
            },
            "genre_alone": {"r_at_1": group_recall(groups, 1), "r_at_10": group_recall(groups, 10)},
        }
    }
