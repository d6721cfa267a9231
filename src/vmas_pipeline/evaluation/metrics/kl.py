"""The Kullback-Leibler divergence between a tagger's predictions for the true and for the generated music."""

# N clips, C classes or tags

from dataclasses import replace
from typing import Literal

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.metrics.alignment import other_sources
from vmas_pipeline.evaluation.result import MetricResult
from vmas_pipeline.evaluation.space import Space

Form = Literal["softmax", "sigmoid"]
FORMS: dict[str, Form] = {"kl": "softmax", "kl_sigmoid": "sigmoid"}
"""Names of the metrics."""

_LEAST = 1e-12


def compute(measured: Measured) -> list[MetricResult]:
    """KL in both forms under each embedding with tags; chance level: each video gets the true music of another."""
    other = [others[0] for others in other_sources(measured.sources, 1)]
    tagged = [space for space in measured.spaces if space.true.probabilities is not None]
    return [
        _result(replace(space, first=space is tagged[0]), other, name, form)
        for space in tagged
        for name, form in FORMS.items()
    ]


def _result(space: Space, other: list[int], name: str, form: Form) -> MetricResult:
    true, generated, codec = (
        softmax_of_sigmoids(music.tags) if form == "softmax" else music.tags
        for music in (space.true, space.generated, space.codec)
    )
    value, ceiling = kl_divergence(true, generated, form), kl_divergence(true, codec, form)
    unresolved = "; the value lies below the codec's own: this tagger tells no more here" if value < ceiling else ""
    return MetricResult(
        name=space.key(name),
        title=space.title(f"KL, {form}"),
        value=value,
        chance=kl_divergence(true, true[other], form),
        ceiling=ceiling,
        higher_is_better=False,
        unit="nat",
        measured_with=f"tags of {space.embedding.title}",
        note=f"chance is the true music of another video, the ceiling the own through the codec{unresolved}",
    )


def kl_divergence(reference: np.ndarray, generated: np.ndarray, form: Form = "softmax") -> float:
    """KL(reference || generated) of each pair, averaged over the pairs; in nats.

    Args:
        reference: Probabilities [N, C] of the true music of each clip.
        generated: Probabilities [N, C] of the generated music of the same clips.
        form: "softmax": a row is one distribution over C classes, sum_c p log(p / q); rows are normalised to sum to
            one. "sigmoid": a row has C independent binary tags: the sum of C Bernoulli divergences.

    Returns:
        The mean divergence, >= 0. Probabilities are clipped 1e-12 away from 0 (and from 1 for "sigmoid") to keep it
        finite.

    Raises:
        ValueError: Shapes that differ or are empty, values that are not probabilities, or an unknown form.
    """
    p, q = np.asarray(reference, np.float64), np.asarray(generated, np.float64)
    if p.shape != q.shape or p.ndim != 2 or p.size == 0:
        raise ValueError(f"reference has shape {p.shape} and generated {q.shape}: give two of one [clips, classes]")
    for name, values in (("reference", p), ("generated", q)):
        if not ((values >= 0) & (values <= 1 + 1e-6)).all():
            span = f"{values.min():g} to {values.max():g}"
            raise ValueError(f"{name} has values outside 0 to 1 ({span}): give probabilities")
    if form == "softmax":
        return float(_divergence(_normalised(p), _normalised(q)).sum(axis=1).mean())
    if form == "sigmoid":
        return float((_divergence(p, q) + _divergence(1 - p, 1 - q)).sum(axis=1).mean())
    raise ValueError(f"form {form!r} is unknown: choose 'softmax' or 'sigmoid'")


def softmax_of_sigmoids(probabilities: np.ndarray) -> np.ndarray:
    """The softmax over the logits of a tagger with sigmoid outputs, [N, C]: its odds, normalised to sum to one.

    >>> softmax_of_sigmoids(np.array([[0.5, 0.75]]))
    array([[0.25, 0.75]])
    """
    inside = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return _normalised(inside / (1 - inside))


def _normalised(rows: np.ndarray) -> np.ndarray:
    total = rows.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(f"row {int(np.argmin(total))} sums to 0: a distribution needs a class with a probability")
    return rows / total


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Elementwise p log(p / q); 0 where p is 0."""
    return p * (np.log(np.maximum(p, _LEAST)) - np.log(np.maximum(q, _LEAST)))
