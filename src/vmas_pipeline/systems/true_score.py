"""The true music's score through the SoundFont: how good a system that writes scores can sound here."""

# B clips, N samples of a clip

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from vmas_pipeline.features.shards import Sample, read_index
from vmas_pipeline.generator import Music
from vmas_pipeline.media import ClipSpec, measure
from vmas_pipeline.systems.symbolic.notes import beside, read_notes, score_of
from vmas_pipeline.systems.symbolic.soundfont import Player
from vmas_pipeline.versioning import content_hash


class TrueScoreSystem:
    """Plays the MIDI file beside each film. Clips of films without one are left out."""

    name = "true_score"

    def __init__(self, scores: dict[str, Path], player: Player) -> None:
        self.scores, self.player = scores, player  # scores by clip id
        self.clip: ClipSpec | None = None
        self.sample_rate = player.sample_rate
        files = [player.soundfont, *sorted(set(scores.values()))]
        self.revision = hashlib.sha256(repr([content_hash(file) for file in files]).encode()).hexdigest()[:16]

    @classmethod
    def load(cls, source: Path, soundfont: Path | None = None, sample_rate: int = 16_000) -> Self:
        """Find the scores of all clips of the features in `source`.

        Args:
            soundfont: see `Player`.

        Raises:
            ValueError: no features there, or not one film with a score.
        """
        splits = sorted(file.parent for file in source.glob("*/index.parquet"))
        rows = [row for split in splits for row in read_index(split).to_dict("records")]
        scores = {str(row["clip_id"]): score_of({str(key): value for key, value in row.items()}) for row in rows}
        held = {name: path for name, path in scores.items() if path.is_file()}
        if not held:
            raise ValueError(
                f"none of the {len(scores)} clips of {source} has a score: put NAME.mid beside each NAME.mp4, or leave "
                "this system out"
            )
        return cls(held, Player(soundfont, sample_rate))

    def about(self) -> dict[str, Any]:
        """What it does, and with which samples."""
        return {"rule": "the film's own score through a SoundFont", "soundfont": self.player.soundfont.name}

    def holds(self, clip_id: str) -> bool:
        """Whether the clip's film has a score."""
        return clip_id in self.scores

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """The score beside the video.

        Raises:
            ValueError: there is none.
        """
        if not (score := beside(video)).is_file():
            raise ValueError(f"{video} has no score: put {score.name} beside it")
        waveform = self.player.play(read_notes(score), seconds or measure(video).duration_s)
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """The clips' part of their films' scores, float32 [B, N]."""
        return np.stack(
            [
                self.player.play(read_notes(self.scores[s.clip_id]), s.row["duration_s"], s.row["start_s"])
                for s in samples
            ]
        )
