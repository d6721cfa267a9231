"""Do the strikes that a maker wishes come where they are wished?

    python benchmarks/hit_points.py --model data/04_models/vmas --films FOLDER --seeds 2

Every film gets hit points at random moments, one in each two seconds, which nothing in the picture calls for. Each line
printed is a JSON object: the share of them with an onset within 0.1 s (ours), beside the same for music of these seeds
without the wish (peer); the same at random moments in place of the hit points, which tells whether the music has simply
become denser; and MV Align with the picture's own peaks, which the wishes may cost. Without --model and --films, an
untrained model and a synthetic film show only that it runs.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from makers import films_in, generator_in
from timing import SEED, add_device, begin, print_line

from vmas_pipeline.audio.onsets import onset_times
from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.evaluation.alignment import mv_align
from vmas_pipeline.generator import Generator
from vmas_pipeline.media import measure
from vmas_pipeline.production.scores import hit_share, watch

EVERY_S = 2.0
LEAST_S, MOST_S = 5.0, 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder")
    parser.add_argument("--films", type=Path, help="a folder of films")
    parser.add_argument("--seeds", type=int, default=2)
    add_device(parser)
    options = begin(parser)
    with tempfile.TemporaryDirectory() as scratch:
        generator = generator_in(options.model, options.device)
        films = films_in(options.films, LEAST_S, Path(scratch))
        draw = np.random.default_rng(SEED)
        found = [_measured(generator, film, range(options.seeds), draw) for film in films]
    points = sum(row["points"] for row in found)
    for name, unit in (("at the hit points", "share"), ("at random moments", "share"), ("MV Align", "score")):
        ours, peer = (float(np.mean([row[name, wished] for row in found])) for wished in (True, False))
        print_line(
            f"hit points, {name}: with and without the wish",
            ours=ours,
            peer=peer or None,
            why=None if peer else "there is none without the wish",
            unit=unit,
            device=options.device,
            films=len(films),
            points=points,
        )


def _measured(generator: Generator, film: Path, seeds: range, draw: np.random.Generator) -> dict:
    """One film's figures by name, with the wish and without."""
    seconds = min(measure(film).duration_s, MOST_S)
    tokens, rate = generator.tokens_in(seconds), generator.codec.sample_rate
    hits = np.arange(0, seconds - EVERY_S / 2, EVERY_S) + draw.uniform(0.3, EVERY_S - 0.3)
    hits = hits[hits < seconds - 0.2]
    others = draw.uniform(0.2, seconds - 0.2, 200)
    peaks = watch(generator, film, 0.0, tokens, lambda *_: None).peaks_s
    row: dict = {"points": len(hits) * len(seeds)}
    for wished in (True, False):
        codes = generator.compose(film, seeds, tokens, strikes_s=hits.tolist() if wished else ())
        onsets = [onset_times(decode_in_chunks(generator.codec, each[None])[0, 0], rate) for each in codes]
        row["at the hit points", wished] = np.mean([hit_share(each, hits.tolist()) for each in onsets])
        row["at random moments", wished] = np.mean([hit_share(each, others.tolist()) for each in onsets])
        row["MV Align", wished] = np.mean([mv_align(each, peaks, generator.clip.frame_rate) for each in onsets])
    return row


if __name__ == "__main__":
    main()
