"""Hears voices with a music tagger, and takes them out with Demucs."""

# C channels or tags, N samples, P patches

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vmas_pipeline.curation.config import VocalsConfig
from vmas_pipeline.media import read_audio, write_flac

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


def vocal_score(waveform: np.ndarray, config: VocalsConfig) -> float:
    """How sure the tagger is of a voice, less how sure it is of none, in the patch where this is highest.

    Args:
        waveform: float [N] at 16 kHz.
        config: which tagger, and how many patches of 3 s, spread evenly.

    Returns:
        -1 (surely none) to 1 (surely a voice); 1920 clips of synthetic films without a voice score -0.09
        to 0.08, 40 with one 0.28 to 0.72.
    """
    tagger = load_tagger(config.tagger)
    vocal = [index for index, tag in enumerate(tagger.tags) if tag in VOCAL_TAGS]
    no_vocal = [index for index, tag in enumerate(tagger.tags) if tag in NO_VOCAL_TAGS]
    probabilities = tagger.probabilities(_patches(waveform, config.patches)).numpy().reshape(-1, len(tagger.tags))
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


def remove_voice(path: Path, stem: Path, config: VocalsConfig) -> None:
    """Writes a film's music without its voice, as FLAC at the model's rate (44.1 kHz for Demucs).

    Args:
        path: the film.
        stem: the file to write, whole or not at all; one that is there is kept.
        config: which model, and where it runs.

    Raises:
        ValueError: Demucs's weights are missing, or the model has no source called vocals.
        MediaError: the film's sound cannot be read.
    """
    if stem.is_file():
        return
    import torch
    from demucs.apply import apply_model

    model = _load_demucs(config.demucs_model, config.demucs_folder)
    stereo = read_audio(path, sample_rate=model.samplerate, channels=2)
    mean, deviation = stereo.mean(), stereo.std() + 1e-8
    mix = torch.from_numpy((stereo - mean) / deviation)[None]  # [1, 2, N]
    with torch.inference_mode():
        parts = apply_model(model, mix, device=config.device, shifts=0)[0]  # [sources, 2, N]
    music = sum(part for name, part in zip(model.sources, parts) if name != "vocals").cpu().numpy()
    write_flac(stem, music * deviation + mean, model.samplerate)


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
            "and name it in curation.vocals.demucs_folder, or set curation.vocals.policy: refuse, which does without "
            f"({error})"
        ) from error
    if "vocals" not in model.sources:
        raise ValueError(f"Demucs model {name} separates {', '.join(model.sources)}: choose one with vocals")
    return model
