"""Trains CMT on scores, which no video belongs to; or takes the published weights."""

# W words

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.features.shards import read_index
from vmas_pipeline.media import whole_folder
from vmas_pipeline.stand_ins import defer_compiler
from vmas_pipeline.systems.cmt.control import PUBLISHED_DENSITIES, PUBLISHED_STRENGTHS, Levels, shares
from vmas_pipeline.systems.cmt.network import CMT, Sizes, pad
from vmas_pipeline.systems.cmt.published import load_published
from vmas_pipeline.systems.cmt.words import encode, read_tones
from vmas_pipeline.systems.symbolic.notes import score_of

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT = 10
"""Of a folder of MIDI files, every tenth is for validation."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CMTConfig:
    """The network, its training and its scores."""

    width: int = Field(default=128, ge=8)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    steps: int = Field(default=400, ge=1)
    batch: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    longest: int = Field(default=10_000, ge=2)
    """Words of a piece; longer ones are left out."""
    track_notes: int = Field(default=1, ge=1)
    """Notes of a track; those with fewer are left out."""
    validate_every: int = Field(default=50, ge=1)
    """Steps between validations; the weights of the best are kept."""
    midi: Path | None = None
    """Folder of MIDI files to learn from, with those in folders below; null takes the scores beside the films of the
    training split, which are validated on those of the validation split."""
    weights: Path | None = None
    """The published checkpoint, taken as it is in place of a training."""
    seed: int = Field(default=0, ge=0)

    @property
    def clips_seen(self) -> int:
        """Pieces, by all steps together."""
        return 0 if self.weights else self.steps * self.batch


def fit(config: CMTConfig, features: Path, out: Path) -> dict[str, float]:
    """Train on scores, and write the model folder with the levels of control of the training split's videos.

    Returns:
        validation, the mean of the attributes' cross-entropies of the weights that are kept, in nats; not without
        scores to validate on.

    Raises:
        ValueError: no scores; or weights that are no checkpoint.
    """
    import pandas as pd

    train, held_out = _scores(config, features)
    if config.weights:
        network = load_published(config.weights)
        music: tuple[Sequence[float], Sequence[float]] = (PUBLISHED_DENSITIES, PUBLISHED_STRENGTHS)
        found = _validate(network, held_out) if held_out else None
    else:
        network, found = _trained(config, train, held_out)
        music = shares([piece.numpy() for piece in train])
    index = read_index(features / "train")
    curves = pd.read_parquet(features / "curves.parquet")
    frame_rate = float((index["frames"] / index["duration_s"]).iloc[0])
    levels = Levels.between(curves[curves["split"] == "train"], frame_rate, music)
    with whole_folder(out) as folder:
        save_file(network.state_dict(), folder / "model.safetensors")
        about = {"sizes": asdict(network.sizes), "levels": asdict(levels), "frame_rate": frame_rate}
        about |= {"pieces": len(train), "validation": found, "config": asdict(config)}
        (folder / "config.json").write_text(json.dumps(about, indent=2, default=str) + "\n")
    return {} if found is None else {"validation": found}


def _trained(config: CMTConfig, train: list[Tensor], held_out: list[Tensor]) -> tuple[CMT, float | None]:
    defer_compiler()
    torch.manual_seed(config.seed)
    draw = np.random.default_rng(config.seed)
    network = CMT(Sizes(width=config.width, layers=config.layers, heads=config.heads, dropout=config.dropout))
    optimiser = torch.optim.Adam(network.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.steps + 1)
    best, kept = None, network.state_dict()  # without scores to validate on, the last weights are kept
    with tqdm(range(1, config.steps + 1), desc="train cmt", unit="step") as bar:
        for step in bar:
            network.train()
            chosen = draw.permutation(len(train))[: config.batch]
            loss = network.losses(*pad([train[i] for i in chosen])).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 3.0)
            optimiser.step()
            schedule.step()
            if held_out and (step % config.validate_every == 0 or step == config.steps):
                found = _validate(network, held_out)
                bar.set_postfix(loss=f"{loss.item():.3f}", validation=f"{found:.3f}")
                if best is None or found < best:
                    best, kept = found, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return network.eval(), best


@torch.inference_mode()
def _validate(network: CMT, pieces: list[Tensor]) -> float:
    network.eval()
    return float(np.mean([network.losses(*pad([piece])).mean().item() for piece in pieces]))


def _scores(config: CMTConfig, features: Path) -> tuple[list[Tensor], list[Tensor]]:
    """The words of the training's and the validation's pieces, int64 [W, 9] each."""
    if config.midi:
        files = sorted(path for path in config.midi.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
        split = files[1::HELD_OUT]
        return _pieces(config, [path for path in files if path not in split], config.midi), _words(config, split)
    train = _films_scores(read_index(features / "train"))
    held_out = _films_scores(read_index(features / "validation")) if (features / "validation").is_dir() else []
    return _pieces(config, train, features / "train"), _words(config, held_out)


def _films_scores(index: "pd.DataFrame") -> list[Path]:
    """Of the films that have one."""
    rows = index.drop_duplicates("source_path").to_dict("records")
    return sorted(path for path in map(score_of, rows) if path.is_file())


def _pieces(config: CMTConfig, files: list[Path], where: Path) -> list[Tensor]:
    pieces = _words(config, files)
    if not pieces and not config.weights:
        raise ValueError(
            f"no scores to learn from in {where}: put NAME.mid beside the films, name a folder of MIDI files in "
            "train.midi of this variant, or leave it out"
        )
    return pieces


def _words(config: CMTConfig, files: list[Path]) -> list[Tensor]:
    pieces = [encode(read_tones(path, config.track_notes)) for path in files]
    return [torch.from_numpy(piece) for piece in pieces if 2 < len(piece) <= config.longest]
