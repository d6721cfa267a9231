"""Our distances on music that others have measured: the clips and statistics inside fadtk, which is not installed.

    pip download --no-deps --dest /tmp/fadtk fadtk==1.1.0 && unzip -q /tmp/fadtk/*.whl -d /tmp/fadtk
    python benchmarks/distances.py --fadtk /tmp/fadtk/fadtk

Three questions, a JSON object each: do the distances of degraded copies of the 23 clips (MusicGen, MusicLM, Mubert)
from the clips grow with the degradation (rank correlation, the peer 1)? Does the distance of each clip from the others
rank the clips as fadtk's 21 figures of each do (mean rank correlation with them, the peer theirs with each other; their
reference, FMA-pop, cannot be heard here)? Is our Frechet distance between its statistics of MERT's layers theirs (ours
and the peer's value, by the eigenvalues of the product of the covariances, for the pair that differs most)?
"""

import argparse
import csv
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import soundfile
import torch
from timing import SEED, add_device, begin, print_line
from torchaudio.functional import resample

from vmas_pipeline.evaluation.embeddings.musicnn import Musicnn
from vmas_pipeline.evaluation.metrics.coverage import density_and_coverage
from vmas_pipeline.evaluation.metrics.density import rank_correlation
from vmas_pipeline.evaluation.metrics.frechet import frechet_distance
from vmas_pipeline.evaluation.metrics.kad import kernel_distance
from vmas_pipeline.evaluation.metrics.mad import mauve_divergence

RATE = 16_000
NOISE_DB = (-40, -30, -20, -10, 0)
"""Of the noise of the degraded copies, below the clip's power."""

DISTANCES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "FAD": frechet_distance,
    "KAD": kernel_distance,
    "MAD": mauve_divergence,
    "1 - coverage": lambda reference, other: 1 - density_and_coverage(reference, other)[1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fadtk", type=Path, required=True, help="the package's folder, unpacked")
    parser.add_argument("--clips", type=int, default=23, help="as many of its clips")
    parser.add_argument("--layers", type=int, default=3, help="of MERT whose statistics are compared")
    add_device(parser)
    options = begin(parser)
    files = sorted((options.fadtk / "test" / "samples").glob("*.opus"))[: options.clips]
    clips = {file.stem: _read(file) for file in files}
    for data in ("MTT", "MSD"):
        embed = _embedding(data, options.device)
        patches = {name: embed(clip) for name, clip in clips.items()}
        _degraded(clips, patches, embed, data, options.device)
        _ranked(patches, options.fadtk / "test" / "samples_FAD_scores.csv", data, options.device)
    _statistics(options.fadtk / "stats" / "fma_pop.npz", options.layers, options.device)


def _read(file: Path) -> torch.Tensor:
    waveform, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return resample(torch.from_numpy(waveform.mean(axis=1)), rate, RATE)


def _embedding(data: str, device: str) -> Callable[[torch.Tensor], np.ndarray]:
    """From a waveform to the vectors of its patches of 3 s, as many as fadtk has frames of a clip."""
    tagger = Musicnn(data=data).load().to(device).tagger  # type: ignore[arg-type,union-attr]
    return lambda waveform: tagger.embeddings(waveform.to(device)).cpu().numpy()


def _degraded(clips: dict, patches: dict, embed: Callable, data: str, device: str) -> None:
    reference, random = np.concatenate(list(patches.values())), torch.Generator().manual_seed(SEED)
    found: dict[str, list[float]] = {name: [] for name in DISTANCES}
    for level in NOISE_DB:
        noisy = []
        for clip in clips.values():
            power = clip.square().mean().sqrt() * 10 ** (level / 20)
            noisy.append(embed(clip + power * torch.randn(clip.shape, generator=random)))
        for name, distance in DISTANCES.items():
            found[name].append(distance(reference, np.concatenate(noisy)))
    for name, values in found.items():
        print_line(
            f"{name} of the clips with noise of {NOISE_DB} dB, musicnn {data}",
            ours=rank_correlation(np.array(NOISE_DB), np.array(values)),
            peer=1.0,
            unit="rank correlation",
            device=device,
            values=[round(value, 2) for value in values],
        )


def _ranked(patches: dict[str, np.ndarray], scores: Path, data: str, device: str) -> None:
    names = list(patches)
    with scores.open() as stream:
        rows = {row.pop("song_id").removeprefix("samples/"): row for row in csv.DictReader(stream)}
    columns = [column for column in rows[names[0]] if column.startswith("FAD_")]
    theirs = {column: [float(rows[name][column]) for name in names] for column in columns}
    ours = []
    for name in names:
        others = np.concatenate([each for other, each in patches.items() if other != name])
        ours.append(frechet_distance(others, patches[name]))
    agreements = {column: rank_correlation(np.array(ours), np.array(values)) for column, values in theirs.items()}
    pairs = [rank_correlation(np.array(a), np.array(b)) for a, b in combinations(theirs.values(), 2)]
    print_line(
        f"the clips ranked by FAD, musicnn {data} from the other clips, against fadtk's from FMA-pop",
        ours=float(np.mean(list(agreements.values()))),
        peer=float(np.mean(pairs)),
        unit="mean rank correlation with fadtk's",
        device=device,
        clips=len(names),
        least=min(agreements.values()),
        most=max(agreements.values()),
    )


def _statistics(file: Path, layers: int, device: str) -> None:
    with np.load(file) as stored:
        moments = [(stored[f"MERT-v1-95M-{n}.mu"], stored[f"MERT-v1-95M-{n}.cov"]) for n in range(1, layers + 1)]
    sets = [_with_moments(mean.astype(np.float64), covariance.astype(np.float64)) for mean, covariance in moments]
    worst = (0.0, 0.0, 0.0)
    for i, j in combinations(range(layers), 2):
        ours, theirs = frechet_distance(sets[i], sets[j]), _by_eigenvalues(*moments[i], *moments[j])
        worst = max(worst, (abs(ours / theirs - 1), ours, theirs))
    print_line(
        f"FAD between fadtk's statistics of {layers} layers of MERT, the pair that differs most",
        ours=worst[1],
        peer=worst[2],
        unit="squared units of the embedding",
        device=device,
        difference=worst[0],
    )


def _with_moments(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Rows with this mean and unbiased covariance: two along each principal axis, opposite each other."""
    variances, axes = np.linalg.eigh(covariance)
    arms = axes.T * np.sqrt(variances.clip(0) * (2 * len(mean) - 1) / 2)[:, None]
    return np.concatenate([mean + arms, mean - arms])


def _by_eigenvalues(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> float:
    """As fadtk computes it: the trace of the root of the product is the sum of the roots of its eigenvalues."""
    roots = np.sqrt(np.linalg.eigvals(cov1.astype(np.float64) @ cov2).astype(complex)).real
    return float(np.square(mean1 - mean2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * roots.sum())


if __name__ == "__main__":
    main()
