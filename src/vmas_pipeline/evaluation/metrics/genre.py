"""Genre agreement: does the generated music have the genre of its video?"""

# N clips, D width of the embedding

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vmas_pipeline.evaluation.measure import Measured
from vmas_pipeline.evaluation.result import MetricResult


def compute(measured: Measured) -> list[MetricResult]:
    """Agreement on the clips whose genre is known; nothing if the training clips have fewer than two genres.

    The classifier is trained on true music both original and through the codec; otherwise it would also react to codec
    artefacts.
    """
    known = np.array([isinstance(genre, str) for genre in measured.genres])
    taught = np.array([isinstance(genre, str) for genre in measured.training_genres])
    if not known.any() or len(set(measured.training_genres[taught])) < 2:
        return [MetricResult(name="genre_agreement", title="Genre agreement", value=None, note="genres are not known")]
    space = measured.spaces[0]
    training = np.concatenate([space.training.vectors[taught], space.training_codec.vectors[taught]])
    report = genre_agreement(
        (training, np.tile(measured.training_genres[taught].astype(str), 2)),
        space.codec.vectors[known],
        space.generated.vectors[known],
        measured.genres[known].astype(str),
    )
    heard = np.full(len(known), None, object)
    heard[known] = report.predicted
    return [
        MetricResult(
            name="genre_agreement",
            title="Genre agreement",
            value=report.agreement,
            chance=report.chance,
            ceiling=report.ceiling,
            levels={"clips": float(known.sum())},
            per_clip={"genre_heard": heard},
            measured_with=f"linear discriminant on true music, plain and coded; {space.embedding.title}",
            note="share of music classified as its video's genre; chance pairs it with another video",
        )
    ]


@dataclass(frozen=True, kw_only=True)
class GenreReport:
    """Genre agreement with its chance level and ceiling, all in [0, 1]."""

    agreement: float
    """Fraction of the clips whose generated music is classified as the video's genre."""
    chance: float
    """The same for music paired with another video: the fraction expected of a random pairing."""
    ceiling: float
    """The same for the true music of these clips: the classifier's own limit."""
    predicted: np.ndarray  # str [N], predicted genre of the generated music


def genre_agreement(
    training: tuple[np.ndarray, np.ndarray], true: np.ndarray, generated: np.ndarray, genres: np.ndarray
) -> GenreReport:
    """Classify generated music by genre with a linear discriminant fitted to the training split's true music.

    Args:
        training: Embeddings [M, D] of true music of the training split, and its genres, str [M].
        true: Embeddings [N, D] of the held-out clips' true music, through the codec if the generated music is.
        generated: Embeddings [N, D] of the music generated for them.
        genres: Genre of each held-out clip, str [N].

    Raises:
        ValueError: Fewer than two genres, or lengths that differ.
    """
    genres = np.asarray(genres)
    if not len(true) == len(generated) == len(genres):
        raise ValueError(f"true ({len(true)}), generated ({len(generated)}), genres ({len(genres)}) differ in length")
    predict = fit_genres(*training)
    heard = predict(generated)
    names = np.unique(np.concatenate([heard, genres]))
    chance = sum(float(np.mean(heard == name) * np.mean(genres == name)) for name in names)
    return GenreReport(
        agreement=float(np.mean(heard == genres)),
        chance=chance,
        ceiling=float(np.mean(predict(true) == genres)),
        predicted=heard,
    )


def fit_genres(embeddings: np.ndarray, genres: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a function from embeddings [N, D] to genres str [N]: linear discriminant analysis, Ledoit-Wolf covariance.

    On true music a logistic regression is as accurate; on generated music, which lies beside it, it needs several times
    the training clips to reach the same verdicts (docs/experiments.md).

    Raises:
        ValueError: Fewer than two genres.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    genres = np.asarray(genres)
    if len(np.unique(genres)) < 2:
        raise ValueError(f"genres ({', '.join(np.unique(genres))}) must be two or more: label the videos' info.json")
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return make_pipeline(StandardScaler(), discriminant).fit(embeddings, genres).predict
