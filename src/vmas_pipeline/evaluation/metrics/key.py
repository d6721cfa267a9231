"""Is the music in the key of the true music?"""

# N clips

from collections.abc import Sequence

import numpy as np

from vmas_pipeline.audio.key import KEYS, Key
from vmas_pipeline.evaluation.bootstrap import bootstrap_mean
from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics.alignment import PARTNERS, other_sources
from vmas_pipeline.evaluation.result import MetricResult


def key_score(reference: Key, estimate: Key | None) -> float:
    """MIREX's weighted score: 1 for the same key, 0.5 for its dominant, 0.3 for its relative, 0.2 for its parallel.

    >>> key_score(Key(tonic=0, mode="major"), Key(tonic=7, mode="major"))
    0.5

    Args:
        reference: the true key.
        estimate: as heard; None, no key, scores 0.
    """
    if estimate is None:
        return 0.0
    above = (estimate.tonic - reference.tonic) % 12
    if estimate.mode == reference.mode:
        return {0: 1.0, 7: 0.5}.get(above, 0.0)
    relative = 9 if reference.mode == "major" else 3
    return {relative: 0.3, 0: 0.2}.get(above, 0.0)


def compute(measured: Measured) -> list[MetricResult]:
    """The mean score; the ceiling is the true music through the codec."""
    musics = (measured.true, measured.generated, measured.codec)
    true, generated, codec = ([sound.key for sound in music.sounds] for music in musics)
    held = [i for i, key in enumerate(true) if key is not None]
    sources = [measured.sources[i] for i in held]
    if len(set(sources)) < 2:
        return [MetricResult(name="key", title="Key", value=None, note="too few of the films' music has a key")]
    known = [key for key in true if key is not None]
    own = np.array([key_score(key, generated[i]) for key, i in zip(known, held, strict=True)])
    through = [key_score(key, codec[i]) for key, i in zip(known, held, strict=True)]
    others = other_sources(sources, PARTNERS)
    shuffled = [np.mean([key_score(known[i], known[other]) for other in each]) for i, each in enumerate(others)]
    levels = {"shuffled": float(np.mean(shuffled)), "constant": best_constant(known), "codec": float(np.mean(through))}
    interval = bootstrap_mean(own, groups=np.array(sources))
    return [
        MetricResult(
            name="key",
            title="Key",
            value=interval.mean,
            chance=max(levels["shuffled"], levels["constant"]),
            ceiling=levels["codec"],
            interval=(interval.low, interval.high),
            levels={**levels, "exact": float((own == 1).mean()), "clips": float(len(held))},
            per_clip={
                f"key_{name}": np.array(list(map(str, keys)), object)
                for name, keys in (("generated", generated), ("true", true))
            },
            measured_with="MIREX's weighted score (dominant 0.5, relative 0.3, parallel 0.2) of the keys of both, by "
            "Temperley's profiles",
            note="chance is the better of one key for all clips and another video's true music, the ceiling the true "
            "music through the codec",
        )
    ]


def best_constant(keys: Sequence[Key]) -> float:
    """The highest mean score of one key for all clips."""
    return max(float(np.mean([key_score(key, each) for key in keys])) for each in KEYS)
