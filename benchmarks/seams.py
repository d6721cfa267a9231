"""Where the windows of long music meet, and where a section made anew meets what was kept: can it be heard?

    python benchmarks/seams.py --model data/04_models/vmas --films FOLDER            # 100 pieces of 20 s
    python benchmarks/seams.py --model data/04_models/vmas --films FOLDER --pieces 40

Kinds of seam: between windows, and on the left and on the right of a section that is made anew with another seed while
the rest stays, in one take and in the one of four that leads to the kept music best (`seam_scores`). Each line printed
is a JSON object. "jump": the mean of the level's change across a seam, in dB (50 ms on either side; ours), beside the
same at every other token of the same music (peer); silence counts as -60 dB. "onsets": the share of seams with an onset
within 60 ms (ours), beside that of all other moments (peer). The interval of 95 % of their difference is a bootstrap
over pieces. Without --model and --films, an untrained model and a synthetic film show only that it runs.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from makers import films_in, generator_in
from timing import SEED, add_device, begin, print_line

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import measure
from vmas_pipeline.production.scores import seam_scores

SIDE_S, NEAR_S = 0.05, 0.06
FLOOR_DB = -60.0
TAKES = 4
KINDS = ("between windows", "left of a section made anew", "right of it", f"right of it, best of {TAKES} takes")


@dataclass(frozen=True)
class Piece:
    """A piece of music, and where its seams are, in seconds."""

    waveform: np.ndarray  # [N]
    sample_rate: int
    seams_s: dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder")
    parser.add_argument("--films", type=Path, help="a folder of films")
    parser.add_argument("--pieces", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each piece")
    add_device(parser)
    options = begin(parser)
    with tempfile.TemporaryDirectory() as folder:
        generator = generator_in(options.model, options.device)
        films = films_in(options.films, options.seconds, Path(folder))
        places = _places(films, options.pieces, options.seconds)
        pieces = [
            each for film, start_s, seed in places for each in _pieces(generator, film, start_s, seed, options.seconds)
        ]
    for kind in KINDS:
        with_seams = [piece for piece in pieces if kind in piece.seams_s]
        for name, unit, measured in (("jump", "dB", _jumps), ("onsets", "share", _onsets)):
            pairs = [measured(piece, piece.seams_s[kind]) for piece in with_seams]
            _print(f"seams, {kind}: {name}", unit, options.device, pairs)


def _print(name: str, unit: str, device: str, pairs: list[tuple[float, float]]) -> None:
    """At the seams and elsewhere, in each piece."""
    here, elsewhere = np.array(pairs).T
    difference = bootstrap_mean(here - elsewhere)
    interval = [round(float(bound), 4) for bound in (difference.low, difference.high)]
    ours, peer = float(here.mean()), float(elsewhere.mean()) or None
    print_line(
        name,
        ours=ours,
        peer=peer,
        why=None if peer else "there is nothing elsewhere",
        unit=unit,
        device=device,
        pieces=len(pairs),
        difference_95=interval,
    )


def _pieces(generator: Generator, film: Path, start_s: float, seed: int, seconds: float) -> Iterator[Piece]:
    """Music for a part of a film, then the same with its middle third made anew: one take, and the best of several."""
    tokens, rate = generator.tokens_in(seconds), generator.codec.frame_rate
    given = generator.compose(film, [seed], tokens, start_s=start_s)[0].cpu()
    joins = [done / rate for _, done, _ in generator.windows(tokens)][1:]
    yield _heard(generator, given, {KINDS[0]: joins})
    first, last = tokens // 3, 2 * tokens // 3
    given[:, first:last] = -1
    seeds = range(seed + 10_000, seed + 10_000 + TAKES)
    takes = generator.compose(film, seeds, tokens, start_s=start_s, given=given)
    scores = seam_scores(generator, film, start_s, takes, given[0].numpy() >= 0)
    yield _heard(generator, takes[0], {KINDS[1]: [first / rate], KINDS[2]: [last / rate]})
    yield _heard(generator, takes[int(np.argmax(scores))], {KINDS[3]: [last / rate]})


def _heard(generator: Generator, codes: torch.Tensor, seams_s: dict[str, list[float]]) -> Piece:
    return Piece(decode_in_chunks(generator.codec, codes[None])[0, 0], generator.codec.sample_rate, seams_s)


def _jumps(piece: Piece, seams_s: list[float]) -> tuple[float, float]:
    """Mean size of the level's change, at the seams and elsewhere."""
    side = round(SIDE_S * piece.sample_rate)
    energy = np.concatenate([[0.0], np.cumsum(np.square(piece.waveform, dtype=np.float64))])
    places = np.arange(side, len(piece.waveform) - side, piece.sample_rate // 50)
    levels = [(energy[b] - energy[a]) / side for a, b in ((places - side, places), (places, places + side))]
    before, after = (10 * np.log10(np.maximum(level, 10 ** (FLOOR_DB / 10))) for level in levels)
    return _split(places / piece.sample_rate, np.abs(after - before), seams_s, within_s=0.011)


def _onsets(piece: Piece, seams_s: list[float]) -> tuple[float, float]:
    """Share of moments with an onset close by, at the seams and elsewhere."""
    onsets = onset_times(piece.waveform, piece.sample_rate)
    moments = np.arange(NEAR_S, len(piece.waveform) / piece.sample_rate - NEAR_S, 0.02)
    near = np.abs(moments[:, None] - np.append(onsets, np.inf)).min(axis=1) <= NEAR_S
    return _split(moments, near.astype(float), seams_s, within_s=0.011)


def _split(times_s: np.ndarray, values: np.ndarray, seams_s: list[float], within_s: float) -> tuple[float, float]:
    at = np.abs(times_s[:, None] - np.array(seams_s)).min(axis=1) <= within_s
    return float(values[at].mean()), float(values[~at].mean())


def _places(films: list[Path], pieces: int, seconds: float) -> Iterator[tuple[Path, float, int]]:
    """Film, start and seed of each piece: random starts, so that seams meet the picture's events by chance alone."""
    draw = np.random.default_rng(SEED)
    for number in range(pieces):
        film = films[number % len(films)]
        yield film, float(draw.uniform(0, max(0.0, measure(film).duration_s - seconds))), SEED + number


if __name__ == "__main__":
    main()
