"""How often the listening study's intervals hold the truth, and whether the raters it asks for suffice.

    python benchmarks/study.py                  # 400 simulated studies of each kind
    python benchmarks/study.py --studies 2000

Coverage: the share of studies whose 95 % interval of (first - second) holds the population's value; `ours` is the
two-way bootstrap, `peer` the interval that takes all answers as independent, or the pigeonhole bootstrap (raters and
videos drawn at once). Power: the share of studies that find the difference with the raters that the closed form asks
for, against the 80 % that it promises. Each line printed is a JSON object.
"""

import argparse
from collections.abc import Callable

import numpy as np
from scipy.stats import norm
from timing import add_device, begin, print_line

from vmas_pipeline.study.crossed import crossed
from vmas_pipeline.study.power import TYPICAL, Components, components, power_table
from vmas_pipeline.study.simulation import Truth, simulated_answers, simulated_items

VIDEOS, PER_RATER = 100, 10
"""Of the studies whose power is measured."""

SCALE = {"first": 1.0, "neither": 0.0, "second": -1.0}
STUDIES = (
    (20, Truth(advantage=0.8)),
    (40, Truth(advantage=0.8)),
    (200, Truth(advantage=0.8)),
    (40, Truth(advantage=0.0)),
    (40, Truth(advantage=2.0)),
    (40, Truth(advantage=0.8, raters=0.0, videos=0.0)),
    (40, Truth(advantage=0.8, raters=1.0, videos=1.0)),
)
Interval = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_device(parser, "nothing here runs on a GPU")
    parser.add_argument("--studies", type=int, default=400, help="simulated studies of each kind")
    parser.add_argument("--kinds", type=int, default=len(STUDIES), help="how many of the kinds")
    options = begin(parser)
    for raters, truth in STUDIES[: options.kinds]:
        _coverage(raters, truth, options)
    _power(options)


def _coverage(raters: int, truth: Truth, options: argparse.Namespace) -> None:
    first, _, second = truth.rates()
    ways: dict[str, Interval] = {"two-way": _two_way, "independent": _independent, "pigeonhole": _pigeonhole}
    held, widths = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    for seed in range(options.studies):
        answers = _answers(truth, raters, 50, seed)
        for name, way in ways.items():
            low, high = way(*answers)
            held[name] += (low <= first - second <= high) / options.studies
            widths[name] += (high - low) / options.studies
    for peer in ("independent", "pigeonhole"):
        print_line(
            f"coverage of the 95 % interval, against {peer}",
            ours=held["two-way"],
            peer=held[peer],
            unit="share of studies",
            device=options.device,
            raters=raters,
            truth=first - second,
            deviations=[truth.raters, truth.videos],
            width=widths["two-way"],
            width_peer=widths[peer],
            studies=options.studies,
        )


def _power(options: argparse.Namespace) -> None:
    """Of the differences of the table, with a population of the variances `TYPICAL`."""
    for difference, raters in power_table(TYPICAL, VIDEOS, PER_RATER).items():
        if raters is None or raters < 4:
            continue
        truth = _advantage(difference)
        found, parts = 0.0, list[Components]()
        for seed in range(options.studies):
            answers = _answers(truth, raters, VIDEOS, seed)
            found += (_two_way(*answers)[0] > 0) / options.studies
            parts.append(components(*answers))
        print_line(
            "power with the raters of the closed form, against what it promises",
            ours=found,
            peer=0.8,
            unit="share of studies",
            device=options.device,
            difference=difference,
            raters=raters,
            videos=VIDEOS,
            variances=[
                round(float(np.mean([getattr(p, name) for p in parts])), 3) for name in Components.__annotations__
            ],
            studies=options.studies,
        )


def _advantage(difference: float) -> Truth:
    """The default population, with the advantage that makes this difference."""
    low, high = 0.0, 5.0
    for _ in range(40):
        middle = (low + high) / 2
        first, _, second = Truth(advantage=middle).rates()
        low, high = (middle, high) if first - second < difference else (low, middle)
    return Truth(advantage=low)


def _answers(truth: Truth, raters: int, videos: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Preferences, raters and videos of the answers to one question."""
    both = simulated_answers(truth, simulated_items(videos), raters, PER_RATER, seed)
    rows = [row for row in both if row["question"] == "quality"]
    preferences = np.array([SCALE[row["answer"]] for row in rows])
    return preferences, np.array([row["rater"] for row in rows]), np.array([row["item"] for row in rows])


def _two_way(values: np.ndarray, raters: np.ndarray, videos: np.ndarray) -> tuple[float, float]:
    interval = crossed(lambda weights: (weights @ values / weights.sum(axis=1))[:, None], raters, videos).interval(0)
    return interval.low, interval.high


def _independent(values: np.ndarray, raters: np.ndarray, videos: np.ndarray) -> tuple[float, float]:
    half = norm.ppf(0.975) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def _pigeonhole(values: np.ndarray, raters: np.ndarray, videos: np.ndarray) -> tuple[float, float]:
    rng, weights = np.random.default_rng(0), np.ones((1000, len(values)))
    for labels in (raters, videos):
        _, groups = np.unique(labels, return_inverse=True)
        count = groups.max() + 1
        weights *= rng.multinomial(count, np.full(count, 1 / count), size=1000)[:, groups]
    low, high = np.nanpercentile(weights @ values / weights.sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
