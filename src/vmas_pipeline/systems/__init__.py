"""Systems that turn videos into music, and their output folders.

A system is one file here and one line in `SYSTEMS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vmas_pipeline.systems.cmt.system import CMTSystem
from vmas_pipeline.systems.cmt.training import CMTConfig
from vmas_pipeline.systems.cmt.training import fit as fit_cmt
from vmas_pipeline.systems.codec import CodecSystem
from vmas_pipeline.systems.interface import Embeds, System
from vmas_pipeline.systems.musicgen_captions import MusicGenCaptionsSystem
from vmas_pipeline.systems.mvpt import MVPtConfig, MVPtSystem
from vmas_pipeline.systems.mvpt import fit as fit_mvpt
from vmas_pipeline.systems.recorded import RecordedSystem
from vmas_pipeline.systems.silence import SilenceSystem
from vmas_pipeline.systems.strikes import FlowPeaksSystem, MetronomeSystem
from vmas_pipeline.systems.tracks import NearestTrackSystem, RandomTrackSystem, ShuffledTruthSystem
from vmas_pipeline.systems.true_score import TrueScoreSystem
from vmas_pipeline.systems.vid2mldm import Vid2MLDMConfig, Vid2MLDMSystem
from vmas_pipeline.systems.vid2mldm import fit as fit_vid2mldm
from vmas_pipeline.systems.video2music.system import Video2MusicSystem
from vmas_pipeline.systems.video2music.training import Video2MusicConfig
from vmas_pipeline.systems.video2music.training import fit as fit_video2music
from vmas_pipeline.systems.vmas import VMAsSystem

SYSTEMS: dict[str, Callable[..., System]] = {
    "vmas": VMAsSystem.load,
    "codec": CodecSystem.load,
    "recorded": RecordedSystem.load,
    "silence": SilenceSystem.load,
    "metronome": MetronomeSystem.load,
    "flow_peaks": FlowPeaksSystem.load,
    "random_track": RandomTrackSystem.load,
    "shuffled_truth": ShuffledTruthSystem.load,
    "nearest_track": NearestTrackSystem.load,
    "mvpt": MVPtSystem.load,
    "cmt": CMTSystem.load,
    "video2music": Video2MusicSystem.load,
    "true_score": TrueScoreSystem.load,
    "vid2mldm": Vid2MLDMSystem.load,
    "musicgen_captions": MusicGenCaptionsSystem.load,
}
"""Kind -> function that loads one from a path and options."""


TRAINED: dict[str, tuple[type, Callable[..., dict[str, float]]]] = {
    "mvpt": (MVPtConfig, fit_mvpt),
    "cmt": (CMTConfig, fit_cmt),
    "video2music": (Video2MusicConfig, fit_video2music),
    "vid2mldm": (Vid2MLDMConfig, fit_vid2mldm),
}
"""Kind -> settings and function of a training of its own, from the features to the folder that it is loaded from."""


def source_in(data: Path, kind: str) -> Path:
    """What the flow and its comparison have made for a kind, in a project's data folder."""
    if kind in TRAINED:
        return data / "08_experiments" / "comparison" / f"{kind}-0" / kind
    made = {"vmas": data / "04_models" / "vmas", "codec": data / "04_models" / "codec"}
    return made.get(kind, data / "03_features")


def load_system(kind: str, source: Path, **options: Any) -> System:
    """Load a system.

    Args:
        kind: a key of `SYSTEMS`.
        source: the folder that the kind is made from: a model, a codec, recordings, or the features of the flow.
        options: of the kind.

    Raises:
        ValueError: an unknown kind, or a source that does not match it.
    """
    if kind not in SYSTEMS:
        raise ValueError(f"system {kind} is unknown: choose one of {', '.join(SYSTEMS)}")
    return SYSTEMS[kind](source, **options)


__all__ = ["SYSTEMS", "TRAINED", "Embeds", "System", "load_system", "source_in"]
