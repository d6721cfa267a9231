"""`vmas generate --system NAME`: music by another system than our model."""

import argparse
import time
from pathlib import Path
from typing import Any

from vmas_pipeline.production.options import Options

OURS = "vmas"
APPLIED = (
    *("seed", "seconds", "original", "music_db", "lufs", "true_peak_db", "fade_in_s", "fade_out_s"),
    *("sample_rate", "channels", "container"),
)
"""The options that mean the same for any system."""


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


def put_music(arguments: argparse.Namespace, options: Options) -> None:
    """Write the copy with the system's music, mixed like ours.

    Raises:
        ValueError: an unknown system, an option that is not its own, or a source that it cannot be loaded from.
    """
    started, kind, video, out = time.monotonic(), arguments.system, arguments.video[0], arguments.out
    _refuse_options(arguments)
    from vmas_pipeline.media import CONTAINERS, Limits, check_output, measure, printable
    from vmas_pipeline.production.mix import mix
    from vmas_pipeline.production.takes import write_mix
    from vmas_pipeline.systems import load_system, source_in

    limits = Limits(duration_s=arguments.max_duration)
    info = measure(video, limits)
    if out.suffix.lower() in CONTAINERS:
        check_output(video, out, limits)
    given: dict[str, Any] = {"caption": arguments.caption} if arguments.caption else {}
    system = load_system(kind, arguments.source or source_in(Path("data"), kind), **given)
    music = system.generate(video, options.seed, min(info.duration_s, options.seconds or info.duration_s))
    left = write_mix(mix(music, 0.0, video, info, options, limits), video, out, limits)
    print(
        f"{printable(out)}: {info.duration_s:.2f} s, music by {system.name} with seed {options.seed}, "
        f"made in {time.monotonic() - started:.0f} s"
    )
    if left:
        print(f"left behind, since {out.suffix} has no place for it: {', '.join(left)}")


def _refuse_options(arguments: argparse.Namespace) -> None:
    given = set(vars(arguments)) & set(Options.model_fields) - set(APPLIED)
    given |= {name for name in ("int8", "music", "takes", "c2pa_certificate", "c2pa_key") if getattr(arguments, name)}
    if given:
        flag = sorted(given)[0].removesuffix("_s").replace("_", "-")
        raise ValueError(f"--{flag} is for our model, not for --system {arguments.system}: leave it out")
    if arguments.caption and arguments.system != "musicgen_captions":
        raise ValueError(f"--caption is for --system musicgen-captions, not for {arguments.system}: leave it out")


def _kind(text: str) -> str:
    return text.replace("-", "_")
