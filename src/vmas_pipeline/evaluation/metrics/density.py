"""Whether the music is as dense as the picture: its onsets against the peaks of the flow, by number alone."""

# N clips

from collections.abc import Mapping, Sequence

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.features.peaks import flow_peaks

FITTING = (0.7, 1.4)
"""Onsets a peak that fit the picture."""


def compute(measured: Measured) -> list[MetricResult]:
    """Onsets a peak, the share of clips where the two fit, and their correlation over the clips."""
    peaks = [flow_peaks(flow, measured.frame_rate) for flow in measured.flow]
    others = {"true": measured.true.onsets_s, "codec": measured.codec.onsets_s}
    return density_results(measured.generated.onsets_s, peaks, others)


def density_results(
    onsets: Sequence[np.ndarray], peaks: Sequence[np.ndarray], others: Mapping[str, Sequence[np.ndarray]] | None = None
) -> list[MetricResult]:
    """The results onset_density, onset_density_fits and onset_correlation.

    Args:
        onsets: of the music of N clips, seconds.
        peaks: prominent peaks of their flow, seconds.
        others: onsets of further music by name; that named "true" is the ceiling. Without it the ceiling is music of
            one onset a peak.
    """
    played, seen = _counts(onsets), _counts(peaks)
    heard = {name: _counts(music) for name, music in (others or {}).items()}
    ceiling = heard.get("true", seen)
    ratios = {name: onset_density(counts, seen) for name, counts in heard.items()}
    fits = {name: fitting_share(counts, seen) for name, counts in heard.items()}
    correlations = {name: rank_correlation(counts, seen) for name, counts in heard.items()}
    median = median_density(played, seen)
    with_ = f"onsets by spectral flux, prominent peaks of the flow, {len(played)} clips"
    return [
        MetricResult(
            name="onset_density",
            title="Onsets a peak",
            value=onset_density(played, seen),
            ceiling=onset_density(ceiling, seen),
            higher_is_better=None,
            levels={"median": median, **ratios},
            per_clip={"onset_density": _densities(played, seen)},
            measured_with=with_,
            note=f"all onsets over all peaks; the median clip has {median:.2f}",
            digits=2,
        ),
        MetricResult(
            name="onset_density_fits",
            title="As dense as the picture",
            value=fitting_share(played, seen),
            chance=best_constant(seen),
            ceiling=fitting_share(ceiling, seen),
            levels=fits,
            measured_with=with_,
            note=f"share of clips with {FITTING[0]:g} to {FITTING[1]:g} onsets a peak; chance is the best single "
            "number of onsets for all clips",
        ),
        MetricResult(
            name="onset_correlation",
            title="Calm where the picture is calm",
            value=rank_correlation(played, seen),
            chance=0.0,
            ceiling=rank_correlation(ceiling, seen),
            levels=correlations,
            measured_with=with_,
            note="rank correlation of the numbers of onsets and of peaks over the clips",
        ),
    ]


def onset_density(onsets: np.ndarray, peaks: np.ndarray) -> float:
    """All onsets over all peaks, of their numbers [N] in each clip; over one where nothing moves at all."""
    return float(onsets.sum() / max(peaks.sum(), 1))


def median_density(onsets: np.ndarray, peaks: np.ndarray) -> float:
    """The median over the clips of their own onsets a peak; clips without a peak have none."""
    own = _densities(onsets, peaks)
    return float(np.median(own[peaks > 0])) if peaks.any() else 0.0


def fitting_share(onsets: np.ndarray, peaks: np.ndarray) -> float:
    """The share of clips with 0.7 to 1.4 onsets a peak; a clip without peaks fits silence only.

    >>> fitting_share(np.array([7, 10, 15, 0]), np.array([10, 10, 10, 0]))
    0.75
    """
    return float(((onsets >= FITTING[0] * peaks) & (onsets <= FITTING[1] * peaks)).mean())


def best_constant(peaks: np.ndarray) -> float:
    """The highest `fitting_share` of one number of onsets for all clips: the best without seeing them."""
    numbers = range(int(np.ceil(FITTING[1] * peaks.max(initial=0))) + 1)
    return max(fitting_share(np.full_like(peaks, number), peaks) for number in numbers)


def rank_correlation(onsets: np.ndarray, peaks: np.ndarray) -> float:
    """Spearman's correlation of two numbers of each clip; 0 if either is the same in all."""
    from scipy.stats import spearmanr

    if len(np.unique(onsets)) < 2 or len(np.unique(peaks)) < 2:
        return 0.0
    return float(spearmanr(onsets, peaks).statistic)


def _counts(times: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([len(each) for each in times])


def _densities(onsets: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Onsets a peak of each clip; NaN where nothing moves."""
    return np.divide(onsets, peaks, out=np.full(len(peaks), np.nan), where=peaks > 0)
