"""The interface that every audio codec implements, and how to load one."""

import json
from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor


class AudioCodec(Protocol):
    """Waveform to discrete tokens and back. Codecs are torch modules in evaluation mode."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of the waveform, mono."""

    @property
    def frame_rate(self) -> float:
        """Tokens per second and codebook."""

    @property
    def codebooks(self) -> int:
        """Residual codebooks, K."""

    @property
    def card(self) -> int:
        """Entries of each codebook."""

    @property
    def code_vectors(self) -> Tensor:
        """The vectors that codes stand for, float [K, card, D]."""

    def to(self, device: Any) -> Self:
        """Move the weights to a device in place, like torch modules."""

    def save(self, folder: Path) -> None:
        """Write the folder that `load_codec` reads."""

    def encode(self, waveform: Tensor) -> Tensor:
        """Waveform float [B, 1, N] in [-1, 1] -> codes int64 [B, K, T], T = ceil(N * frame_rate / sample_rate)."""

    def decode(self, codes: Tensor, first_token: int = 0) -> Tensor:
        """Codes int64 [B, k, T] of the first k <= K codebooks -> waveform float [B, 1, N].

        Args:
            first_token: number of the first token since the music's start, for a codec whose sound depends on it.
        """


def load_codec(name_or_path: str | Path, bandwidth: float | None = None) -> AudioCodec:
    """Load the codec in a folder or file, or a pretrained one by name.

    Args:
        name_or_path: a folder written by a codec's `save` or transformers' `save_pretrained`; an audiocraft file
            (MusicGen's `compression_state_dict.bin`); or a name such as `facebook/encodec_32khz`, which is looked up
            in the Hugging Face cache and then on the network.
        bandwidth: of transformers' EnCodec, kilobits per second: fewer mean fewer codebooks; None for its largest.

    Raises:
        ValueError: a folder or file without a codec, or with one of an earlier version; a name found neither locally
            nor on the network; or a bandwidth that the codec lacks.
    """
    path = Path(name_or_path)
    settings = path / "config.json"
    kind = json.loads(settings.read_text()).get("kind") if settings.is_file() else None
    if kind == "spectral":
        raise ValueError(
            f"the codec in {path} was written by an earlier version (kind 'spectral'): train again, or use the version "
            "that wrote it"
        )
    if kind == "sinusoidal":
        from vmas_pipeline.codec.sinusoidal import SinusoidalCodec

        return SinusoidalCodec.load(path)
    from vmas_pipeline.codec.pretrained import AUDIOCRAFT_FILE, AudiocraftEncodec, PretrainedEncodec

    for file in (path, path / AUDIOCRAFT_FILE):
        if file.is_file():
            return AudiocraftEncodec.load(file)
    if path.is_dir() and not settings.is_file():
        raise ValueError(f"no codec in {path}: config.json is missing; run `kedro run --pipelines=codec` first")
    return PretrainedEncodec.load(str(name_or_path), bandwidth)
