"""Video2Music as a system: chords and loudness from the video, arranged, played by a SoundFont."""

# B clips, N samples of a clip, F frames

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music, clip_seed
from vmas_pipeline.media import ClipSpec, measure, read_frames
from vmas_pipeline.systems.symbolic.soundfont import Player
from vmas_pipeline.systems.video2music.arranging import arrange
from vmas_pipeline.systems.video2music.chords import Key, number_of
from vmas_pipeline.systems.video2music.features import FEATURES, seconds_of
from vmas_pipeline.systems.video2music.network import Video2Music
from vmas_pipeline.systems.video2music.training import Video2MusicConfig
from vmas_pipeline.versioning import content_hash

FRAME_SIZE = 64
"""Side of the frames of a whole video."""


class Video2MusicSystem:
    """The trained networks, the keys to choose from, and a player."""

    name = "video2music"

    def __init__(self, folder: Path, player: Player) -> None:
        about = json.loads((folder / "config.json").read_text())
        config = Video2MusicConfig(**about["config"])
        self.network = Video2Music(FEATURES, config.width, config.layers, config.heads, config.dropout).eval()
        self.network.load_state_dict(load_file(folder / "model.safetensors"))
        self.keys = [(Key(tonic=tonic, minor=minor), count) for tonic, minor, count in about["keys"]]
        self.frame_rate: float = about["frame_rate"]
        self.player, self.settings = player, about
        self.clip: ClipSpec | None = None
        self.sample_rate = player.sample_rate
        self.revision = f"{content_hash(folder)}-{content_hash(player.soundfont)[:8]}"

    @classmethod
    def load(cls, source: Path, soundfont: Path | None = None, sample_rate: int = 16_000) -> Self:
        """Load from the folder that `fit` wrote.

        Args:
            source: the folder.
            soundfont: see `Player`.
            sample_rate: of the music, in Hz.

        Raises:
            ValueError: it is none.
        """
        if not (source / "config.json").is_file() or not (source / "model.safetensors").is_file():
            raise ValueError(f"{source} is no model of Video2Music: train it as a variant of the comparison")
        return cls(source, Player(soundfont, sample_rate))

    def about(self) -> dict[str, Any]:
        """Its size, settings and SoundFont."""
        parameters = sum(weights.numel() for weights in self.network.parameters())
        return {"parameters": parameters, "soundfont": self.player.soundfont.name, **self.settings}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """A piece for the whole video."""
        duration_s = seconds or measure(video).duration_s
        count = max(1, round(duration_s * self.frame_rate))
        frames = read_frames(video, frame_rate=self.frame_rate, size=FRAME_SIZE, frames=count)
        waveform = self._piece(frames, self.frame_rate, duration_s, clip_seed(seed, video.stem))
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """A piece for each clip, float32 [B, N]."""
        pieces = []
        for sample in samples:
            duration_s = float(sample.row["duration_s"])
            frame_rate = len(sample.frames) / duration_s
            pieces.append(self._piece(sample.frames, frame_rate, duration_s, clip_seed(seed, sample.clip_id)))
        return np.stack(pieces)

    @torch.inference_mode()
    def _piece(self, frames: np.ndarray, frame_rate: float, duration_s: float, seed: int) -> np.ndarray:
        """In a key drawn as often as the training's music has it, from the tonic's chord on."""
        draw = torch.Generator().manual_seed(seed)
        counts = torch.tensor([float(count) for _, count in self.keys])
        key = self.keys[int(torch.multinomial(counts, 1, generator=draw))][0]
        video = torch.from_numpy(seconds_of(frames, frame_rate))
        first = number_of(9, "min") if key.minor else number_of(0, "maj")
        chords = self.network.write(video, first, key.minor, self.settings["seconds"], draw)
        loudness = self.network.levels(video[None])[0, :, 1].numpy()
        return self.player.play(arrange(chords, loudness, key.shift), duration_s)
