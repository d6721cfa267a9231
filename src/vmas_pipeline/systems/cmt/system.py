"""CMT as a system: the video's flow controls it, a SoundFont plays what it writes."""

# B clips, N samples of a clip

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.torch import load_file

from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks
from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music, clip_seed
from vmas_pipeline.media import ClipSpec, measure, read_frames
from vmas_pipeline.systems.cmt.composing import REPLACED, compose
from vmas_pipeline.systems.cmt.control import Control, Levels, control_of
from vmas_pipeline.systems.cmt.network import CMT, Sizes
from vmas_pipeline.systems.cmt.words import decode, notes_of
from vmas_pipeline.systems.symbolic.soundfont import Player
from vmas_pipeline.versioning import content_hash

FRAME_SIZE = 64
"""Side of the frames of a whole video."""


class CMTSystem:
    """A trained network, its levels of control, and a player."""

    name = "cmt"

    def __init__(self, folder: Path, player: Player, replaced: float) -> None:
        about = json.loads((folder / "config.json").read_text())
        self.network = CMT(Sizes(**about["sizes"])).eval()
        self.network.load_state_dict(load_file(folder / "model.safetensors"))
        self.levels = Levels(**about["levels"])
        self.frame_rate: float = about["frame_rate"]
        self.player, self.replaced, self.settings = player, replaced, about
        self.clip: ClipSpec | None = None
        self.sample_rate = player.sample_rate
        self.revision = f"{content_hash(folder)}-{content_hash(player.soundfont)[:8]}-{replaced:g}"

    @classmethod
    def load(
        cls, source: Path, soundfont: Path | None = None, sample_rate: int = 16_000, replaced: float = REPLACED
    ) -> Self:
        """Load from the folder that `fit` wrote.

        Args:
            source: the folder.
            soundfont: see `Player`.
            sample_rate: of the music, in Hz.
            replaced: see `compose`.

        Raises:
            ValueError: it is none.
        """
        if not (source / "config.json").is_file() or not (source / "model.safetensors").is_file():
            raise ValueError(f"{source} is no model of CMT: train it as a variant of the comparison")
        return cls(source, Player(soundfont, sample_rate), replaced)

    def about(self) -> dict[str, Any]:
        """Its size, settings and SoundFont."""
        parameters = sum(weights.numel() for weights in self.network.parameters())
        return {"parameters": parameters, "soundfont": self.player.soundfont.name, **self.settings}

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """A piece for the whole video."""
        duration_s = seconds or measure(video).duration_s
        count = max(1, round(duration_s * self.frame_rate))
        frames = read_frames(video, frame_rate=self.frame_rate, size=FRAME_SIZE, frames=count)
        flow = mean_flow(frames) if len(frames) > 1 else np.zeros(0, np.float32)
        peaks_s = flow_peaks(flow, self.frame_rate)
        control = control_of(flow, peaks_s, self.frame_rate, duration_s, self.levels)
        waveform = self._pieces([control], [clip_seed(seed, video.stem)], [duration_s])[0]
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """A piece for each clip, float32 [B, N]."""
        durations_s = [float(sample.row["duration_s"]) for sample in samples]
        controls = [
            control_of(sample.flow, sample.peaks_s, len(sample.frames) / duration_s, duration_s, self.levels)
            for sample, duration_s in zip(samples, durations_s, strict=True)
        ]
        return np.stack(self._pieces(controls, [clip_seed(seed, s.clip_id) for s in samples], durations_s))

    def _pieces(self, controls: list[Control], seeds: list[int], durations_s: list[float]) -> list[np.ndarray]:
        """Waveforms, float32 [N] each."""
        pieces = compose(self.network, controls, seeds, self.replaced)
        return [
            self.player.play(notes_of(decode(words), control.tempo), duration_s)
            for words, control, duration_s in zip(pieces, controls, durations_s, strict=True)
        ]
