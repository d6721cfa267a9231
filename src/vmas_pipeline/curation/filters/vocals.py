"""Clips with a voice, which the model is not to learn; Demucs takes it out on request (paper section 3)."""

# C channels or tags, N samples, P patches

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from vmas_pipeline.curation.filters.interface import Clip, ClipFilter, Scores, Verdict
from vmas_pipeline.media import read_audio, write_flac
from vmas_pipeline.versioning import content_hash

if TYPE_CHECKING:
    from vmas_pipeline.audio.tagger import MusicTagger

VOCAL_TAGS = frozenset(
    {"vocal", "vocals", "singing", "voice", "female", "woman", "female vocal", "female voice", "male", "man"}
    | {"male vocal", "male voice", "choir", "choral", "opera"}
)
"""MagnaTagATune's tags of music with a voice."""

NO_VOCAL_TAGS = frozenset({"no vocals", "no vocal", "no voice"})
"""Its tags of music without."""

_PATCH_S = 3.0


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Vocals(ClipFilter):
    """Refuses clips with a voice."""

    policy: Literal["refuse", "separate", "keep"] = "refuse"
    """refuse clips with a voice; separate: take the voice out with Demucs, then refuse what is left of them; keep."""
    maximum: float = Field(default=0.15, ge=-1, le=1)
    """Clips above this score have a voice."""
    tagger: Literal["MTT_musicnn"] = "MTT_musicnn"
    """The music tagger that listens; MagnaTagATune's tags tell voices from their absence."""
    patches: int = Field(default=1, ge=1)
    """Stretches of 3 s of each clip that it listens to."""
    demucs_model: str = "htdemucs"
    """Name or signature of a Demucs model (MIT licence)."""
    demucs_folder: Path | None = None
    """Folder with its .th and .yaml files; none: Demucs fetches them by name."""
    device: str = "cpu"
    """Where Demucs runs."""

    columns: ClassVar[dict[str, tuple[float, float]]] = {"vocal_score": (-1, 1)}
    execution: ClassVar[frozenset[str]] = frozenset({"device"})

    def prepare(self) -> None:
        """Loads the tagger, and Demucs where it is asked for."""
        load_tagger(self.tagger)
        if self.policy == "separate":
            _load_demucs(self.demucs_model, self.demucs_folder)

    def measure(self, clip: Clip) -> Scores:
        """See `vocal_score`."""
        return {"vocal_score": vocal_score(clip.waveform, load_tagger(self.tagger), self.patches)}

    def verdict(self, scores: Scores) -> Verdict | None:
        """A voice above the bound, unless voices are kept."""
        if self.policy == "keep" or scores["vocal_score"] <= self.maximum:
            return None
        detail = (
            f"has a voice: score {scores['vocal_score']:.2f}, above {self.maximum:g} (curation.filters.vocals.maximum)"
        )
        return Verdict(reason="vocals", detail=detail)

    def mend(self, video: Path, folder: Path, name: str) -> Path | None:
        """The music without its voice, as FLAC at Demucs's rate; what is there, made by the same model, is kept."""
        if self.policy != "separate":
            return None
        stem = folder / _version(self.demucs_model, self.demucs_folder) / f"{name}.flac"
        if not stem.is_file():
            separate_music(video, stem, _load_demucs(self.demucs_model, self.demucs_folder), self.device)
        return stem


def vocal_score(waveform: np.ndarray, tagger: "MusicTagger", patches: int = 1) -> float:
    """How sure the tagger is of a voice, less how sure it is of none, in the patch where this is highest.

    Args:
        waveform: float [N] at 16 kHz.
        tagger: with MagnaTagATune's tags.
        patches: how many stretches of 3 s it listens to, spread evenly.

    Returns:
        -1 (surely none) to 1 (surely a voice); 400 clips of synthetic music without a voice score -0.08
        to 0.12, 48 with one 0.21 to 0.61.
    """
    vocal = [index for index, tag in enumerate(tagger.tags) if tag in VOCAL_TAGS]
    no_vocal = [index for index, tag in enumerate(tagger.tags) if tag in NO_VOCAL_TAGS]
    probabilities = tagger.probabilities(_patches(waveform, patches)).numpy().reshape(-1, len(tagger.tags))
    return float((probabilities[:, vocal].max(axis=1) - probabilities[:, no_vocal].max(axis=1)).max())


def _patches(waveform: np.ndarray, count: int) -> np.ndarray:
    """Stretches of 3 s around the middles of `count` equal parts: [P, N']; shorter music whole."""
    from vmas_pipeline.audio.tagger import SAMPLE_RATE

    length = min(round(_PATCH_S * SAMPLE_RATE), len(waveform))
    middles = (np.arange(count) + 0.5) * len(waveform) / count
    starts = np.clip(np.round(middles - length / 2).astype(int), 0, len(waveform) - length)
    return np.stack([waveform[start : start + length] for start in starts])


@functools.cache
def load_tagger(name: str) -> "MusicTagger":
    """The tagger, kept by the worker that has loaded it once."""
    from vmas_pipeline.audio.tagger import MusicTagger

    return MusicTagger.load(name)


def separate_music(video: Path, stem: Path, model: Any, device: str = "cpu") -> None:
    """Writes a video's music without its voice, atomically, as FLAC at the model's rate.

    The mix is normalised by the mean and the standard deviation of its mono sum, as `demucs.api.Separator` does.

    Args:
        video: a file with an audio track.
        stem: the file to write.
        model: a Demucs model with a source called vocals.
        device: where it runs.

    Raises:
        MediaError: the audio cannot be read.
    """
    import torch
    from demucs.apply import apply_model

    mix = torch.from_numpy(read_audio(video, sample_rate=model.samplerate, channels=2))  # [2, N]
    mono = mix.mean(dim=0)
    mean, deviation = mono.mean(), mono.std() + 1e-8
    with torch.inference_mode():
        parts = apply_model(model, ((mix - mean) / deviation)[None], device=device, shifts=0)[0]  # [sources, 2, N]
    music = sum(part for name, part in zip(model.sources, parts) if name != "vocals")
    write_flac(stem, (music * deviation + mean).cpu().numpy(), model.samplerate)


@functools.cache
def _version(name: str, folder: Path | None) -> str:
    """Names a Demucs model, and the weights where they are files."""
    return f"{name}-{content_hash(folder)[:8]}" if folder else name


@functools.cache
def _load_demucs(name: str, folder: Path | None):  # type: ignore[no-untyped-def]  # demucs is imported late
    """A Demucs model, kept by the worker.

    Raises:
        ValueError: its weights are not in the folder, or cannot be fetched.
    """
    from demucs.pretrained import get_model

    try:
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"demucs_folder is {folder}: no such folder")
        model = get_model(name, repo=folder)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"Demucs needs the weights of {name}: put its .th files (and {name}.yaml for a bag of models) in a folder "
            "and name it in curation.filters.vocals.demucs_folder, or set curation.filters.vocals.policy: refuse, "
            f"which does without ({error})"
        ) from error
    if "vocals" not in model.sources:
        raise ValueError(f"Demucs model {name} separates {', '.join(model.sources)}: choose one with vocals")
    return model
