"""`vmas generate --system NAME`: music by another system than our model."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmas_pipeline.media import Limits, Measured

OURS = "vmas"
MODEL_OPTIONS = ("int8", "top_k", "top_p", "temperature", "guidance", "curve_guidance")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    others = parser.add_argument_group(
        "another system",
        "flow-peaks, metronome, nearest-track, random-track, mvpt, vid2mldm: from this project's data; "
        "musicgen-captions: published weights, CC BY-NC 4.0, by name or from --source; recorded: a folder of music",
    )
    others.add_argument("--system", type=_kind, default=OURS, metavar="NAME", help="who makes the music")
    others.add_argument("--source", type=Path, metavar="FOLDER", help="what it is loaded from, if not data/")
    others.add_argument("--caption", metavar="TEXT", help="what musicgen-captions reads in place of its captioner's")


def is_wanted(options: argparse.Namespace) -> bool:
    """Whether another system than our model makes the music.

    Raises:
        ValueError: it does not, and an option for others is given.
    """
    if options.system == OURS and (options.caption or options.source):
        raise ValueError("--caption and --source are for another --system: leave them out, or name one")
    return bool(options.system != OURS)


def put_music(options: argparse.Namespace, info: "Measured", limits: "Limits") -> None:
    """Write the copy with the system's music.

    Raises:
        ValueError: an unknown system, an option that is not its own, or a source that it cannot be loaded from.
    """
    started, kind = time.monotonic(), options.system
    if strange := [name for name in MODEL_OPTIONS if getattr(options, name, None)]:
        raise ValueError(f"--{strange[0].replace('_', '-')} is for our model, not for --system {kind}: leave it out")
    if options.caption and kind != "musicgen_captions":
        raise ValueError(f"--caption is for --system musicgen-captions, not for {kind}: leave it out")
    from vmas_pipeline.media import printable, replace_audio
    from vmas_pipeline.systems import load_system, source_in

    given: dict[str, Any] = {"caption": options.caption} if options.caption else {}
    system = load_system(kind, options.source or source_in(Path("data"), kind), **given)
    seconds = min(info.duration_s, options.seconds or info.duration_s)
    music = system.generate(options.video, options.seed, seconds)
    left = replace_audio(options.video, music.waveform, music.sample_rate, options.out, limits)
    print(
        f"{printable(options.out)}: {info.duration_s:.2f} s, picture copied, music by {system.name} with seed "
        f"{options.seed}, made in {time.monotonic() - started:.0f} s"
    )
    if left:
        print(f"left behind, since {options.out.suffix} has no place for it: {', '.join(left)}")


def _kind(text: str) -> str:
    return text.replace("-", "_")
