"""The embeddings in which music is compared, a file each. A new one is its file and a line here (docs/extending.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from vmas_pipeline.evaluation.embeddings import clap, encodec, mert, musicnn, passt, vggish
from vmas_pipeline.evaluation.embeddings.interface import AudioEmbedding, Embedding, Network

EMBEDDINGS: dict[str, type[Embedding]] = {
    "musicnn": musicnn.Musicnn,
    "encodec": encodec.Encodec,
    "vggish": vggish.VGGish,
    "clap": clap.Clap,
    "passt": passt.PaSST,
    "mert": mert.Mert,
}
"""By their kind in `evaluation.embeddings`."""


def embeddings_of(settings: Sequence[Mapping[str, Any] | Embedding]) -> tuple[Embedding, ...]:
    """Embeddings from their settings, with their kind, in order.

    Raises:
        ValueError: none, no such kind, wrong settings, or two of one name.
    """
    found = tuple(each if isinstance(each, Embedding) else _embedding(each) for each in settings)
    names = [each.name for each in found]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"evaluation.embeddings ({', '.join(names) or 'none'}) must be one or more, all different")
    return found


def _embedding(settings: Mapping[str, Any]) -> Embedding:
    kind = settings.get("kind")
    if kind not in EMBEDDINGS:
        raise ValueError(f"evaluation.embeddings: there is no kind {kind!r}; there are {', '.join(EMBEDDINGS)}")
    rest = {name: value for name, value in settings.items() if name != "kind"}
    return TypeAdapter(EMBEDDINGS[kind]).validate_python(rest)


__all__ = ["EMBEDDINGS", "AudioEmbedding", "Embedding", "Network", "embeddings_of"]
