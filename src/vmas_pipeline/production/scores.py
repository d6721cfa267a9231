"""How well a take fits its video, and which of several fits best."""

# W clips of the video, K codebooks, T token frames, N samples, P width of the shared space

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import Limits

Scores = dict[str, float | None]
"""By name; None where the video or the music has nothing to measure."""

HIT_WITHIN_S = 0.1
"""A strike this close to its hit point counts."""

RANKED_BY = ("seam", "hits", "alignment", "contrastive")
"""Scores that rank takes, all of them better when higher; the earlier decides between equals."""

SEAM_S = 0.5
"""Of kept music, by which the seam before it is judged."""

_RANDOM_PIECES = 32


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is known of a video, for any number of takes."""

    peaks_s: np.ndarray  # of its motion, seconds after the music's start
    embeddings: Tensor  # [W, P], unit vectors
    clip_tokens: int  # of each but the last
    frame_rate: float


def watch(
    generator: Generator,
    video: Path,
    start_s: float,
    tokens: int,
    progress: Callable[[int, int], None],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Watched:
    """Look at the part of a video that gets music, clip by clip.

    Args:
        generator: its model embeds the clips.
        video: the file.
        start_s: where the music begins.
        tokens: length of the music.
        progress: called with the clips done and their number.
        limits: of reading it.
    """
    model, rate = generator.model, generator.clip.frame_rate
    starts = range(0, tokens, generator.window)
    peaks, embeddings = [], []
    for done, start in enumerate(starts):
        begins_s = start / generator.codec.frame_rate
        frames = generator.frames(video, start_s + begins_s, limits)
        peaks.append(flow_peaks(mean_flow(frames), rate) + begins_s)
        conditions = conditions_of_frames(frames, model.config).map(lambda tensor: tensor.to(generator.device))
        embeddings.append(model.embed_video(conditions))
        progress(done + 1, len(starts))
    within = np.concatenate(peaks)
    return Watched(
        peaks_s=within[within < tokens / generator.codec.frame_rate],
        embeddings=torch.cat(embeddings),
        clip_tokens=generator.window,
        frame_rate=rate,
    )


def score(
    generator: Generator,
    watched: Watched,
    codes: Tensor,
    onsets_s: np.ndarray,
    duration_s: float,
    hits_s: Sequence[float] = (),
) -> Scores:
    """Measure a take.

    Args:
        generator: its model embeds the music.
        watched: the video.
        codes: int64 [K, T].
        onsets_s: of the music, seconds after its start.
        duration_s: of the music.
        hits_s: where it shall strike, seconds after its start.

    Returns:
        alignment: MV Align of its onsets and the video's peaks, in [0, 1]; alignment_random: of as many onsets at
        random times, the level without looking; contrastive: cosine of the model's embeddings of video and music, mean
        over clips; hits: share of the hit points with an onset within 0.1 s, if there are any.
    """
    scores: Scores = {
        "alignment": mv_align(onsets_s, watched.peaks_s, watched.frame_rate),
        "alignment_random": _random_alignment(len(onsets_s), duration_s, watched),
        "contrastive": _contrastive(generator, watched, codes),
        "onsets_per_s": len(onsets_s) / duration_s,
    }
    if len(hits_s):
        scores["hits"] = hit_share(onsets_s, hits_s)
    return scores


@torch.inference_mode()
def seam_scores(
    generator: Generator,
    video: Path,
    start_s: float,
    codes: Tensor,
    kept: np.ndarray,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> list[float]:
    """How well what was composed leads to the kept music on its right, which it was composed without.

    Args:
        generator: its decoder predicts each token from those before it.
        video, start_s, limits: as for `watch`.
        codes: int64 [B, K, T], of all takes.
        kept: bool [T], tokens that were given.

    Returns:
        For each take the mean log-probability of the first half second of kept tokens after each composed section;
        empty if there is none.
    """
    reach, tokens = round(SEAM_S * generator.codec.frame_rate), codes.shape[-1]
    seams = np.flatnonzero(kept[1:] & ~kept[:-1]) + 1
    found = []
    for seam in seams.tolist():
        first = max(0, min(seam - generator.window // 2, tokens - generator.window))
        window = codes[..., first : first + generator.window]
        frames = generator.frames(video, start_s + first / generator.codec.frame_rate, limits)
        conditions = conditions_of_frames(frames, generator.model.config).map(lambda each: each.to(generator.device))
        context = generator.model.encode(conditions).expanded(len(codes))
        likely = generator.model.music_decoder(window, context).float().log_softmax(-1)  # [B, K, T', V]
        likely = likely.gather(-1, window[..., None])[..., seam - first : seam - first + reach, 0]
        found.append(likely.mean((1, 2)).tolist())
    return np.mean(found, axis=0).tolist() if found else []


def hit_share(onsets_s: np.ndarray, hits_s: Sequence[float]) -> float:
    """Share of the hit points with an onset within 0.1 s.

    >>> hit_share(np.array([0.95, 2.5]), [1.0, 2.0])
    0.5
    """
    if not len(onsets_s):
        return 0.0
    return float(np.mean([np.abs(onsets_s - moment).min() <= HIT_WITHIN_S for moment in hits_s]))


def ranked(scores: Sequence[Mapping[str, float | None]]) -> list[int]:
    """Takes from best to worst: by their mean rank over `RANKED_BY` (a Borda count).

    The first leads in alignment and the second in fit; equal counts are decided by the alignment:

    >>> ranked([{"alignment": 0.5, "contrastive": 0.1}, {"alignment": 0.4, "contrastive": 0.3}])
    [0, 1]
    """
    names = [name for name in RANKED_BY if name in scores[0]]
    places = {name: _places([take[name] or 0.0 for take in scores]) for name in names}
    total = [sum(places[name][take] for name in names) for take in range(len(scores))]
    return sorted(range(len(scores)), key=lambda take: (total[take], *(places[name][take] for name in names), take))


def _places(values: Sequence[float]) -> list[int]:
    """How many are better than each."""
    return [sum(other > value for other in values) for value in values]


def _random_alignment(count: int, duration_s: float, watched: Watched) -> float:
    draw = np.random.default_rng(0)
    pieces = (draw.uniform(0, duration_s, count) for _ in range(_RANDOM_PIECES))
    return float(np.mean([mv_align(piece, watched.peaks_s, watched.frame_rate) for piece in pieces]))


def _contrastive(generator: Generator, watched: Watched, codes: Tensor) -> float:
    music = torch.cat([generator.model.embed_music(part[None]) for part in _clips(codes, watched.clip_tokens)])
    return float((watched.embeddings * music).sum(-1).mean())


def _clips(codes: Tensor, tokens: int) -> Iterator[Tensor]:
    for start in range(0, codes.shape[-1], tokens):
        yield codes[:, start : start + tokens].to(torch.int64)
