"""EnCodec with pretrained weights, through transformers or audiocraft: MusicGen's 32 kHz model at the paper's scale.

The weights of facebook/encodec_32khz are under CC BY-NC 4.0: not for commercial use. The 48 kHz model is unsuitable:
the loudness of each of its one-second chunks is stored alongside the codes, where no decoder predicts it, and its
overlapping chunks make the token rate uneven.
"""

import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from transformers import EncodecModel

if TYPE_CHECKING:
    from audiocraft.models import CompressionModel

AUDIOCRAFT_FILE = "compression_state_dict.bin"
"""audiocraft's name for a codec file, which comes with each MusicGen."""


class PretrainedEncodec(nn.Module):
    """transformers' EnCodec behind `AudioCodec`; the codebooks of its largest bandwidth.

    Args:
        network: a mono model that neither normalises nor chunks, such as the 24 and 32 kHz ones.
    """

    def __init__(self, network: EncodecModel) -> None:
        super().__init__()
        self.network = network
        self.bandwidth = max(network.config.target_bandwidths)

    @classmethod
    def load(cls, name_or_path: str, bandwidth: float | None = None) -> "PretrainedEncodec":
        """Load from a `save_pretrained` folder, or by name from the local cache or the network.

        Args:
            name_or_path: such as facebook/encodec_24khz.
            bandwidth: kilobits per second, one that the model was trained for; a copy keeps only this one. None for
                the largest.

        Raises:
            ValueError: nothing found under that name, a stereo model (48 kHz), which normalises and chunks, or a
                bandwidth that the model lacks.
        """
        try:
            network = EncodecModel.from_pretrained(name_or_path)
        except OSError as error:
            raise ValueError(
                f"the audio codec {name_or_path!r} is neither a local folder nor to be had from the network: put "
                "config.json and model.safetensors of facebook/encodec_32khz into a folder and name it in "
                "codec.pretrained, or set codec.pretrained to null, which trains the small codec instead"
            ) from error
        if network.config.audio_channels != 1 or network.config.normalize:
            raise ValueError(
                f"the audio codec {name_or_path!r} is for {network.config.audio_channels} channels or normalises its "
                "input, and loudness beside the codes cannot be generated: choose a mono one, such as "
                "facebook/encodec_32khz or facebook/encodec_24khz"
            )
        known = network.config.target_bandwidths
        if bandwidth is not None and bandwidth not in known:
            raise ValueError(f"codec.bandwidth ({bandwidth}) is not one of {name_or_path}'s: choose one of {known}")
        network.config.target_bandwidths = known if bandwidth is None else [bandwidth]
        return cls(network.eval().requires_grad_(False))

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.network.config.sampling_rate

    @property
    def frame_rate(self) -> float:
        """Tokens per second."""
        return self.sample_rate / self.network.config.hop_length

    @property
    def codebooks(self) -> int:
        """K."""
        return self.network.quantizer.get_num_quantizers_for_bandwidth(self.bandwidth)

    @property
    def card(self) -> int:
        """Entries of each codebook."""
        return self.network.config.codebook_size

    @property
    def code_vectors(self) -> Tensor:
        """The vectors that codes stand for, [K, card, D]."""
        layers: Any = self.network.quantizer.layers
        return torch.stack([layer.codebook.embed for layer in layers[: self.codebooks]])

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Waveform [B, 1, N] in [-1, 1] -> codes int64 [B, K, T]."""
        return self.network.encode(waveform, bandwidth=self.bandwidth, return_dict=False)[0][0]

    @torch.no_grad()
    def decode(self, codes: Tensor, first_token: int = 0) -> Tensor:
        """Codes [B, k, T] of the first k <= K codebooks -> waveform [B, 1, N], the same for any `first_token`."""
        scales: Any = [None]  # none: the network does not normalise
        return self.network.decode(cast(torch.LongTensor, codes[None]), scales, return_dict=False)[0]

    def save(self, folder: Path) -> None:
        """Write a copy that `load` can read from the folder offline."""
        self.network.save_pretrained(folder)


class AudiocraftEncodec(nn.Module):
    """audiocraft's CompressionModel behind `AudioCodec`, with all codebooks that it was saved with.

    Args:
        network: a mono model that does not normalise, such as MusicGen's.
        file: where it was loaded from.
    """

    def __init__(self, network: "CompressionModel", file: Path) -> None:
        super().__init__()
        self.network, self.file = network, file

    @classmethod
    def load(cls, file: Path) -> "AudiocraftEncodec":
        """Load a file saved by audiocraft: settings and weights.

        Raises:
            ValueError: it is another kind of file, or damaged.
        """
        from audiocraft.models.loaders import load_compression_model

        try:
            network = load_compression_model(file)
        except (KeyError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"{file} is not a codec of audiocraft's ({str(error).splitlines()[0]}): name the "
                f"{AUDIOCRAFT_FILE} of a MusicGen in codec.pretrained"
            ) from error
        return cls(network.requires_grad_(False), file)

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.network.sample_rate

    @property
    def frame_rate(self) -> float:
        """Tokens per second."""
        return float(self.network.frame_rate)

    @property
    def codebooks(self) -> int:
        """K."""
        return self.network.num_codebooks

    @property
    def card(self) -> int:
        """Entries of each codebook."""
        return self.network.cardinality

    @property
    def code_vectors(self) -> Tensor:
        """The vectors that codes stand for, [K, card, D]."""
        quantizer: Any = self.network.quantizer
        return torch.stack([layer.codebook for layer in quantizer.vq.layers[: self.codebooks]])

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Waveform [B, 1, N] in [-1, 1] -> codes int64 [B, K, T]."""
        return self.network.encode(waveform)[0]

    @torch.no_grad()
    def decode(self, codes: Tensor, first_token: int = 0) -> Tensor:
        """Codes [B, k, T] of the first k <= K codebooks -> waveform [B, 1, N], the same for any `first_token`."""
        return self.network.decode(codes)

    def save(self, folder: Path) -> None:
        """Write a copy that `load_codec` reads from the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.file, folder / AUDIOCRAFT_FILE)
