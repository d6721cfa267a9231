"""Videos whose picture hardly changes: still pictures and slide shows (paper section 3)."""

# T frames, S side of a frame in pixels, D width of an embedding

import functools
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.curation.filters.interface import Scores, Verdict, Video, VideoFilter

_THUMBNAIL = 16
_FLAT = 4.0
"""Weight of the constant part, in grey levels a pixel: frames flatter than this count as the same."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Similarity(VideoFilter):
    """Refuses videos whose frames resemble each other."""

    embedding: Literal["thumbnails", "clip"] = "thumbnails"
    """What frames are compared by: small grey pictures, or CLIP's image features (MIT licence)."""
    maximum: float = Field(default=0.7, ge=-1)
    """Videos at or above this mean pairwise cosine are refused; above 1: none is."""
    clip_model: str = "vit_base_patch16_clip_224.openai"
    """timm's name of the CLIP image tower."""
    clip_weights: Path | None = None
    """Its weights as a file; none: timm fetches them by name."""
    device: str = "cpu"
    """Where CLIP runs."""

    columns: ClassVar[dict[str, tuple[float, float]]] = {"similarity": (-1, 1)}
    execution: ClassVar[frozenset[str]] = frozenset({"device"})

    @property
    def side(self) -> int:  # type: ignore[override]
        """224 for CLIP, 16 for thumbnails."""
        return 224 if self.embedding == "clip" else _THUMBNAIL

    def prepare(self) -> None:
        """Loads CLIP where it is asked for."""
        if self.embedding == "clip":
            _load_clip(self.clip_model, self.clip_weights, self.device)

    def measure(self, video: Video) -> Scores:
        """Mean pairwise cosine of frame embeddings: 1 for a still picture."""
        if self.embedding == "clip":
            embeddings = clip_features(video.frames, self.clip_model, self.clip_weights, self.device)
        else:
            embeddings = thumbnails(video.frames)
        return {"similarity": mean_pairwise_cosine(embeddings)}

    def verdict(self, scores: Scores) -> Verdict | None:
        """Still at or above the bound."""
        if scores["similarity"] < self.maximum:
            return None
        detail = (
            f"hardly changes: the mean similarity of its frames ({scores['similarity']:.3f}) must be below "
            f"{self.maximum:g} (curation.filters.similarity.maximum)"
        )
        return Verdict(reason="still_picture", detail=detail)


def mean_pairwise_cosine(embeddings: np.ndarray) -> float:
    """Mean cosine over all pairs of different rows of [T, D]; 1 for a single row."""
    count = len(embeddings)
    if count == 1:
        return 1.0
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    # the squared length of the sum holds every pair twice and every row with itself once
    return float((np.square(unit.sum(axis=0)).sum() - count) / (count * (count - 1)))


def thumbnails(frames: np.ndarray) -> np.ndarray:
    """Grey pictures without their mean brightness, so that light and dark films are judged alike.

    A small constant stands beside the pixels: it makes frames without any picture, black ones for instance, equal.

    Args:
        frames: uint8 [T, S, S, 3].

    Returns:
        float64 [T, S * S + 1].
    """
    grey = frames.astype(np.float64).mean(axis=3).reshape(len(frames), -1)
    constant = np.full((len(frames), 1), _FLAT * np.sqrt(grey.shape[1]))
    return np.concatenate([grey - grey.mean(axis=1, keepdims=True), constant], axis=1)


def clip_features(frames: np.ndarray, model_name: str, weights: Path | None, device: str = "cpu") -> np.ndarray:
    """CLIP's image features of frames uint8 [T, 224, 224, 3]: float32 [T, D]."""
    import torch

    model, mean, std = _load_clip(model_name, weights, device)
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float() / 255  # [T, 3, S, S]
    with torch.inference_mode():
        return model((pixels - mean) / std).cpu().numpy()


@functools.cache
def _load_clip(model_name: str, weights: Path | None, device: str):  # type: ignore[no-untyped-def]  # torch is imported late
    """The image tower with its projection, and the mean and deviation of its pixels; kept by the worker.

    Raises:
        ValueError: the weights are not where the configuration says, or cannot be fetched.
    """
    import timm
    import torch

    way_out = (
        f"CLIP's image tower needs weights: put model.safetensors of huggingface.co/timm/{model_name} on this machine "
        "and name it in curation.filters.similarity.clip_weights, or set curation.filters.similarity.embedding: "
        "thumbnails"
    )
    if weights is not None and not weights.is_file():
        raise ValueError(f"{way_out} (clip_weights is {weights}: no such file)")
    overlay = {"file": str(weights)} if weights else None
    try:
        model = timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay=overlay)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{way_out} ({error})") from error
    config = cast(dict[str, Any], model.pretrained_cfg)
    mean, std = (torch.tensor(config[key], device=device).view(1, 3, 1, 1) for key in ("mean", "std"))
    return model.eval().to(device), mean, std
